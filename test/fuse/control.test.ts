// limit: 120s
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseReply, parseRequest } from '../../src/fuse/control.ts';
import { connectTo } from '../../src/fuse/control-socket.ts';
import { ControlLine, startServer } from '../../src/fuse/index.ts';
import { AT_FDCWD, MOVE_MOUNT_F_EMPTY_PATH, native, O_DIRECTORY, O_PATH } from '../../src/kernel/index.ts';
import { needs } from '../needs.ts';
import { noUnion, program, put, text } from './union.ts';

const test = suite('a union that is told what to show');
const it = needs(test, noUnion);
const source = 'nanolin-1-0123456789ab';

class Stage implements AsyncDisposable {
  readonly directory = mkdtempSync(join(tmpdir(), 'nanolin-control-'));
  /** Longer than a socket's address may be. */
  readonly run = join(this.directory, 'run'.repeat(30), 'unions');
  readonly socket = join(this.run, 'x.sock');
  readonly target = join(this.directory, 'target');
  readonly #fds: number[] = [];
  pid = 0;

  async start(): Promise<ControlLine> {
    mkdirSync(this.run, { recursive: true });
    mkdirSync(this.target);
    for (const who of ['one', 'two', 'three']) put(join(this.directory, who), { who, [who]: who });
    this.pid = await startServer([
      process.execPath,
      ...process.execArgv,
      program,
      '--internal-serve-union',
      this.socket,
    ]);
    return ControlLine.to(this.socket);
  }

  lower(name: string, key: string | null = null) {
    const fd = native.openat2(AT_FDCWD, join(this.directory, name), O_PATH | O_DIRECTORY, 0, 0);
    this.#fds.push(fd);
    return { pid: process.pid, fd, key };
  }

  async mount(line: ControlLine): Promise<void> {
    const lowers = [this.lower('one')];
    const union = {
      source,
      generation: 1,
      lowers,
      upper: null,
      base: null,
      nosuid: false,
      userxattr: false,
    };
    await line.ask({ do: 'open', ...union });
    const { mount } = await line.ask({ do: 'mount', target: null });
    const fd = native.openat2(AT_FDCWD, `/proc/${this.pid}/fd/${mount}`, O_PATH | O_DIRECTORY, 0, 0);
    native.moveMount(fd, '', AT_FDCWD, this.target, MOVE_MOUNT_F_EMPTY_PATH);
    native.close(fd);
  }

  who(): string {
    return text(join(this.target, 'who'));
  }

  get alive(): boolean {
    return readdirSync('/proc').includes(String(this.pid));
  }

  async ended(): Promise<void> {
    for (let tries = 0; this.alive; tries++) {
      assert.ok(tries < 200, 'the process does not end');
      await sleep(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const fd of this.#fds) native.close(fd);
    if (this.alive) process.kill(this.pid, 'SIGTERM');
    await this.ended();
    rmSync(this.directory, { recursive: true });
  }
}

const refusedBy = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => 'nothing',
    error => error.code,
  );

it('shows what was prepared at the commit and not before, and says so', async () => {
  await using stage = new Stage();
  using line = await stage.start();
  await stage.mount(line);
  assert.is(stage.who(), 'one');
  await line.ask({ do: 'prepare', generation: 2, lowers: [stage.lower('two')] });
  assert.equal([stage.who(), (await line.ask({ do: 'shown' })).generation], ['one', 1]);
  assert.is((await line.ask({ do: 'commit', generation: 2 })).generation, 2);
  assert.equal([stage.who(), text(join(stage.target, 'one'))], ['two', 'ENOENT']);
  assert.is(statSync(stage.socket).mode & 0o777, 0o600);
});

it('drops what was prepared with its connection, and at a settle of anybody’s', async () => {
  await using stage = new Stage();
  using line = await stage.start();
  await stage.mount(line);
  using other = await ControlLine.to(stage.socket);
  await line.ask({ do: 'prepare', generation: 2, lowers: [stage.lower('two')] });
  assert.is(await refusedBy(other.ask({ do: 'commit', generation: 2 })), 'refused');
  assert.is((await other.ask({ do: 'settle' })).generation, 1);
  assert.is(await refusedBy(line.ask({ do: 'commit', generation: 2 })), 'refused');

  {
    using third = await ControlLine.to(stage.socket);
    await third.ask({ do: 'prepare', generation: 3, lowers: [stage.lower('three')] });
  }
  assert.is((await other.ask({ do: 'settle' })).generation, 1);
  assert.is(stage.who(), 'one');
});

it('names what is open and not shown any more', async () => {
  await using stage = new Stage();
  using line = await stage.start();
  await stage.mount(line);
  const fd = openSync(join(stage.target, 'who'), 'r');
  const inode = String(statSync(join(stage.target, 'who'), { bigint: true }).ino);
  assert.equal((await line.ask({ do: 'held' })).held, []);
  await line.ask({ do: 'prepare', generation: 2, lowers: [stage.lower('two')] });
  await line.ask({ do: 'commit', generation: 2 });
  assert.equal((await line.ask({ do: 'held' })).held, [{ inode, generation: 1 }]);
  assert.is(readFileSync(fd, 'utf8'), 'one');
  closeSync(fd);
  for (let tries = 0; (await line.ask({ do: 'held' })).held?.length !== 0; tries++) {
    assert.ok(tries < 100, 'it is held for ever');
    await sleep(20);
  }
});

it('ends with its controller when nothing is mounted, and with its mount otherwise', async () => {
  await using stage = new Stage();
  {
    using line = await stage.start();
    const union = { source, generation: 1, upper: null, base: null, nosuid: false, userxattr: false };
    await line.ask({ do: 'open', ...union, lowers: [stage.lower('one')] });
    // It is mounted, and lies nowhere.
    await line.ask({ do: 'mount', target: null });
  }
  await stage.ended();
  assert.equal(readdirSync(stage.run), []);
});

it('goes on after lines that say nothing, and cuts off who sends without an end', async () => {
  await using stage = new Stage();
  using line = await stage.start();
  await stage.mount(line);
  const socket = await connectTo(stage.socket);
  const replies: string[] = [];
  socket.setEncoding('utf8').on('data', (part: string) => replies.push(part));
  const wrong = [
    '',
    '{',
    'null',
    '[]',
    '{"do":"commit"}',
    '{"do":"mount","target":"x"}',
    '{"do":"__proto__"}',
  ];
  socket.write(wrong.map(each => `${each}\n`).join(''));
  for (let tries = 0; replies.join('').split('\n').length <= wrong.length; tries++) {
    assert.ok(tries < 100, replies.join(''));
    await sleep(20);
  }
  for (const reply of replies.join('').split('\n').filter(Boolean)) assert.match(reply, /^\{"error":/);
  const closed = new Promise(done => socket.on('close', done));
  socket.on('error', () => {});
  socket.write('x'.repeat(2 << 20));
  await closed;
  assert.is(stage.who(), 'one');
});

it('refuses a layer that nobody has open, and stays as it was', async () => {
  await using stage = new Stage();
  using line = await stage.start();
  await stage.mount(line);
  const nothing = { pid: process.pid, fd: 1_000_000, key: null };
  assert.is(await refusedBy(line.ask({ do: 'prepare', generation: 2, lowers: [nothing] })), 'io');
  assert.is(await refusedBy(line.ask({ do: 'commit', generation: 2 })), 'refused');
  assert.is(stage.who(), 'one');
});

test('a request is taken whole or not at all', () => {
  const lower = { pid: 1, fd: 2, key: null };
  const good = { do: 'open', source, generation: 1, lowers: [lower], upper: null, nosuid: true };
  assert.equal(parseRequest(JSON.stringify(good)), { ...good, base: null, userxattr: false });
  for (const change of [
    { source: 'else' },
    { source: 'nanolin-1-0123456789ab,suid' },
    { generation: -1 },
    { generation: 1.5 },
    { lowers: [] },
    { lowers: Array.from({ length: 501 }, () => lower) },
    { lowers: [{ ...lower, fd: '2/../..' }] },
    { lowers: [{ ...lower, key: 'a\nb' }] },
    { upper: { upper: 'relative', work: '/w' } },
    { upper: { upper: '/u\0', work: '/w' } },
  ])
    assert.throws(() => parseRequest(JSON.stringify({ ...good, ...change })), JSON.stringify(change));
  // Left out, the mount is the safer one.
  assert.equal((parseRequest(JSON.stringify({ ...good, nosuid: undefined })) as typeof good).nosuid, true);
});

test('a reply is what it may be', () => {
  const held = [{ inode: '18446744073709551615', generation: 1 }];
  assert.equal(parseReply(JSON.stringify({ generation: 2, held })), { generation: 2, held });
  for (const bad of [
    '',
    '{}',
    '{"generation":"2"}',
    '{"generation":1,"held":[{"inode":"x","generation":1}]}',
  ])
    assert.throws(() => parseReply(bad));
  const error = { code: 'busy', message: 'm', hint: null };
  assert.throws(
    () => parseReply(JSON.stringify({ error })),
    (thrown: { code: string }) => thrown.code === 'busy',
  );
});

test.run();
