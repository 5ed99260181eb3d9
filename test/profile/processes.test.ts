// limit: 120s
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { copyFileSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Nanolin, Plan } from '../../src/index.ts';
import { program } from '../contract/stack-contract.ts';
import { makeWorld, read, type World } from '../contract/world.ts';
import { needs } from '../needs.ts';

const inStacks = needs(test, process.getuid?.() === 0 ? null : 'root, to mount');

/** A program of the test; `shell` ends with what it stays as. */
class Actors implements AsyncDisposable {
  readonly #children: ChildProcess[] = [];

  async start(shell: string, words: readonly string[] = []): Promise<number> {
    const child = spawn(
      words[0] ?? 'sh',
      [...words.slice(1), ...(words.length > 0 ? ['sh'] : []), '-c', shell],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    this.#children.push(child);
    await new Promise((ready, fail) => {
      child.stdout.once('data', ready);
      child.once('exit', code => fail(new Error(`${shell} ended with ${code}`)));
    });
    const pid = child.pid ?? 0;
    // `sleep` is what each of them becomes, after it said that it is ready.
    while (!readlinkSync(`/proc/${pid}/exe`).endsWith('sleep'))
      await new Promise(done => setTimeout(done, 5));
    while (shell.includes('LD_PRELOAD') && !readFileSync(`/proc/${pid}/maps`, 'utf8').includes('mapped.so'))
      await new Promise(done => setTimeout(done, 5));
    return pid;
  }

  async end(pid: number): Promise<void> {
    const child = this.#children.find(one => one.pid === pid);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const exit = new Promise(done => child.once('exit', done));
    child.kill('SIGKILL');
    await exit;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { pid } of this.#children) await this.end(pid ?? 0);
  }
}

const slave = ['unshare', '--mount', '--propagation', 'slave'];
const stay = 'echo ready; exec sleep 1000';

/** A stack of `old` on usr and of `other` on etc, on a parent that propagates as systemd's does; `new` replaces `old` alone. */
async function setUp(world: World): Promise<{ nanolin: Nanolin; usr: string; etc: string }> {
  const usr = world.directory('usr', { base: 'base' });
  const etc = world.directory('etc', { base: 'base' });
  execFileSync('mount', ['--make-shared', world.live]);
  for (const who of ['old', 'new'])
    await world.layer(who, { 'usr/who': who, 'usr/bin/': '', 'usr/lib/': '', 'usr/sub/': '' });
  await world.layer('other', { 'etc/who': 'other' });
  world.profile('p', `TARGETS ${usr} from=/usr`, `TARGETS ${etc} from=/etc`, 'ENABLES other tools old');
  const tools = world.directory('tools', { 'usr/bin/': '', 'usr/lib/': '' });
  copyFileSync('/bin/sleep', join(tools, 'usr/bin/sleep'));
  copyFileSync(libm(), join(tools, 'usr/lib/mapped.so'));
  const nanolin = await world.open();
  await nanolin.layer.import(tools, { name: 'tools', version: '1' });
  await nanolin.profile.switch('p');
  return { nanolin, usr, etc };
}

const libm = (): string => readFileSync('/proc/self/maps', 'utf8').match(/\S*\/libm\.so\S*/)?.[0] ?? '';
const swap = { do: 'swap', old: 'old', replacement: 'new' } as const;

inStacks(
  'all that holds the old stack is named, here and in a slave namespace, and nothing else is',
  async () => {
    await using world = await makeWorld();
    const { nanolin, usr, etc } = await setUp(world);
    await using actors = new Actors();
    const ways: Record<string, string> = {
      fd: `exec 3<${usr}/who; ${stay}`,
      cwd: `cd ${usr}/sub; ${stay}`,
      exe: `echo ready; exec ${usr}/bin/sleep 1000`,
      map: `echo ready; LD_PRELOAD=${usr}/lib/mapped.so exec sleep 1000`,
    };
    const expected = new Map<number, string>();
    for (const [what, shell] of Object.entries(ways))
      for (const words of [[], slave]) expected.set(await actors.start(shell, words), what);
    // Near, but nothing of what goes: the other target's stack, what the stack covers, nothing at all.
    for (const shell of [`exec 3<${etc}/who; cd ${etc}; ${stay}`, `cd ${world.live}; ${stay}`, stay])
      for (const words of [[], slave]) await actors.start(shell, words);

    const plan = await nanolin.plan(swap);
    assert.equal(kinds(plan.processes), sorted(expected));
    for (const { pid, why, holds } of plan.processes) {
      const [path] =
        { fd: ['who'], cwd: ['sub'], exe: ['bin/sleep'], map: ['lib/mapped.so'] }[expected.get(pid) ?? ''] ??
        [];
      assert.equal([...new Set(holds.map(one => one.path))], [`${usr}/${path}`], why);
      assert.match(why, `${usr}/${path}`);
    }
    assert.equal(plan.namespaces, []);

    const result = await nanolin.swap('old', 'new');
    assert.equal(kinds(result.holders), sorted(expected));
    assert.equal(
      result.holders.map(({ pid, paths }) => [pid, paths]),
      plan.processes.map(({ pid, holds }) => [pid, [...new Set(holds.map(({ path }) => path))]]),
    );
    assert.equal(result.namespaces, []);
    assert.equal(kinds((await nanolin.status()).holders), sorted(expected));

    // One after the other goes, and is no longer named; what has new things of the stack never is.
    await actors.start(`exec 3<${usr}/who; ${stay}`, slave);
    for (const pid of [...expected.keys()]) {
      await actors.end(pid);
      expected.delete(pid);
      assert.equal(kinds((await nanolin.status()).holders), sorted(expected));
    }
  },
);

inStacks(
  'a namespace with something of its own on or in the old stack keeps it, and is named before and after',
  async () => {
    await using world = await makeWorld();
    const { nanolin, usr } = await setUp(world);
    await using actors = new Actors();
    const follows = await actors.start(stay, slave);
    const nested = await actors.start(`mount -t tmpfs mine ${usr}/sub; ${stay}`, slave);
    // As ProtectSystem= makes them, systemd.exec(5).
    const bound = await actors.start(`mount --bind ${usr} ${usr}; ${stay}`, slave);
    const alone = await actors.start(stay, ['unshare', '--mount', '--propagation', 'private']);
    const hidden = await actors.start(`mount -t tmpfs mine ${usr}; ${stay}`, slave);

    const plan = await nanolin.plan(swap);
    const kept: [number, string[]][] = [
      [nested, [`${usr}/sub`]],
      [bound, []],
      [alone, []],
    ];
    assert.equal(views(plan.namespaces), kept);
    const result = await nanolin.swap('old', 'new');
    const sees = (pid: number) => read(`/proc/${pid}/root${usr}/who`);
    assert.equal([follows, nested, bound, alone, hidden].map(sees), ['new', 'old', 'old', 'old', 'ENOENT']);
    assert.equal(result.namespaces, plan.namespaces);
    assert.equal((await nanolin.status()).namespaces, plan.namespaces);

    // Nobody has anything open there. What is opened now is of the old stack, and is named.
    assert.equal(kinds(result.holders), []);
    const late = await actors.start(`exec 3<${usr}/who; ${stay}`, ['nsenter', '-t', String(nested), '-m']);
    const later = await actors.start(`exec 3<${usr}/who; ${stay}`, [
      'nsenter',
      '-t',
      String(alone),
      '-m',
      'unshare',
      '--mount',
    ]);
    assert.equal(kinds((await nanolin.status()).holders), [`${late} fd`, `${later} fd`].sort());
    for (const pid of [late, later, nested, bound, alone]) await actors.end(pid);
    const after = await nanolin.status();
    assert.equal([kinds(after.holders), after.namespaces], [[], []]);
  },
);

inStacks('what is mounted inside the stack here goes with it in slave namespaces, too', async () => {
  await using world = await makeWorld();
  const { nanolin, usr } = await setUp(world);
  await using actors = new Actors();
  const before = await actors.start(stay, slave);
  execFileSync('mount', ['-t', 'tmpfs', 'ours', `${usr}/sub`]);
  assert.match(readFileSync(`/proc/${before}/mountinfo`, 'utf8'), 'tmpfs ours');
  const plan = await nanolin.plan(swap);
  const result = await nanolin.swap('old', 'new');
  assert.is(read(`/proc/${before}/root${usr}/who`), 'new');
  assert.equal([plan.namespaces, result.namespaces], [[], []]);
});

inStacks(
  'of a union that shows other layers, who holds what is no more is named, and who holds what stays is not',
  async () => {
    await using world = await makeWorld({ backend: 'fuse', program });
    const usr = world.directory('usr', { base: 'base', 'kept/': '' });
    execFileSync('mount', ['--make-shared', world.live]);
    await world.layer('stays', { stays: 'stays' });
    world.profile('p', `TARGETS ${usr} from=/`, 'ENABLES stays goes');
    const tree = world.directory('tree', { who: 'goes', 'sub/': '' });
    const nanolin = await world.open();
    copyFileSync('/bin/sleep', join(tree, 'sleep'));
    copyFileSync(libm(), join(tree, 'mapped.so'));
    await nanolin.layer.import(tree, { name: 'goes', version: '1' });
    await nanolin.profile.switch('p');

    await using actors = new Actors();
    const ways: Record<string, string> = {
      fd: `exec 3<${usr}/who; ${stay}`,
      cwd: `cd ${usr}/sub; ${stay}`,
      exe: `echo ready; exec ${usr}/sleep 1000`,
      map: `echo ready; LD_PRELOAD=${usr}/mapped.so exec sleep 1000`,
    };
    const expected = new Map<number, string>();
    for (const [what, shell] of Object.entries(ways))
      for (const words of [[], slave]) expected.set(await actors.start(shell, words), what);
    for (const shell of [`exec 3<${usr}/stays 4<${usr}/base; cd ${usr}/kept; ${stay}`, `cd ${usr}; ${stay}`])
      for (const words of [[], slave]) await actors.start(shell, words);

    const plan = await nanolin.plan({ do: 'disable', layers: ['goes'] });
    assert.equal([kinds(plan.processes), plan.namespaces], [sorted(expected), []]);
    const result = await nanolin.disable(['goes']);
    assert.is(result.ways.place, 'inside');
    assert.equal([kinds(result.holders), result.namespaces], [sorted(expected), []]);
    assert.equal([...new Set(result.holders.map(({ generation }) => generation))], [1]);
    for (const pid of [...expected.keys()]) {
      await actors.end(pid);
      expected.delete(pid);
      assert.equal(kinds((await nanolin.status()).holders), sorted(expected));
    }
  },
);

/** `PID WAYS` of each that holds, sorted; the test's own process holds what it likes. */
function kinds(holders: Plan['processes'] | Awaited<ReturnType<Nanolin['status']>>['holders']): string[] {
  return holders
    .filter(({ pid }) => pid !== process.pid)
    .map(({ pid, holds }) => `${pid} ${[...new Set(holds.map(({ what }) => what))].join(' ')}`)
    .sort();
}

/** As `kinds`, of what is expected: an executable is mapped as well. */
const sorted = (expected: ReadonlyMap<number, string>): string[] =>
  [...expected].map(([pid, what]) => `${pid} ${what === 'exe' ? 'exe map' : what}`).sort();

const views = (namespaces: Plan['namespaces']) => namespaces.map(({ pid, nested }) => [pid, nested]);

test.run();
