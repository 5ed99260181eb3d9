// limit: 120s
import { execFileSync, spawn } from 'node:child_process';
import {
  closeSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serversSettled } from '../crash/servers.ts';
import { tree } from '../fuse/union.ts';
import { program } from './stack-contract.ts';
import { makeWorld, mountsBelow, read, type World } from './world.ts';

const test = suite('one stack over two backends');
const fuse = { backend: 'fuse', program } as const;

async function writableStack(world: World): Promise<string> {
  const target = world.directory('srv', {
    base: 'base',
    gone: '',
    'd/below': '',
    'whole/a': '',
    'whole/b': '',
  });
  await world.layer('one', { one: 'one', 'd/one': 'one', moved: 'moved', linked: 'linked' });
  await world.layer('two', { two: 'two', 'd/two': 'two' });
  world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one', 'WRITING persist');
  return target;
}

/** Of every kind that an upper can hold. */
function change(target: string, round: string): void {
  const at = (path: string) => join(target, path);
  writeFileSync(at(`new-${round}`), round);
  writeFileSync(at('base'), `${read(at('base'))} ${round}`);
  rmSync(at('gone'), { force: true });
  rmSync(at('whole'), { recursive: true });
  mkdirSync(at('whole'));
  writeFileSync(at(`whole/${round}`), round);
  mkdirSync(at(`dir-${round}`), { mode: 0o2750 });
  symlinkSync(`to ${round}`, at(`link-${round}`));
  linkSync(at(`new-${round}`), at(`second-${round}`));
  if (read(at('moved')) !== 'ENOENT') renameSync(at('moved'), at(`d/moved`));
  execFileSync('mknod', [at(`pipe-${round}`), 'p']);
  execFileSync('chown', ['1:2', at(`new-${round}`)]);
  execFileSync('setfattr', ['-n', 'user.round', '-v', round, at('base')]);
}

/** Types, modes, owners, contents, targets, times and attributes of all that shows. */
const walk = (target: string): string[] => [
  ...tree(target),
  ...execFileSync('getfattr', ['-R', '-h', '-d', '-m', '-', '--absolute-names', target], {
    encoding: 'utf8',
  }).split('\n'),
];

test('what is written over one shows over the other, there and back', async () => {
  await using world = await makeWorld();
  const target = await writableStack(world);
  const kernel = await world.open({ backend: 'kernel' });
  const unions = await world.open(fuse);
  await kernel.profile.switch('p');
  for (const [round, next] of [
    ['by-kernel', unions],
    ['by-union', kernel],
    ['again', unions],
    ['last', kernel],
  ] as const) {
    change(target, round);
    const before = walk(target);
    const { gap, changed } = await next.profile.switch('p');
    assert.equal([gap, changed], [false, true], round);
    assert.equal(walk(target), before, round);
    assert.is(mountsBelow(target).length, 1);
    assert.is((await next.status()).backend, next === unions ? 'fuse' : 'kernel');
  }
  assert.is(await serversSettled(world.root, 0), 0);
});

test('a stack stays with who has mounted it, until another one is asked for', async () => {
  await using world = await makeWorld({ program });
  await writableStack(world);
  const unions = await world.open({ backend: 'fuse' });
  await unions.profile.switch('p');
  const any = await world.open();
  const result = await any.enable(['two']);
  assert.equal([result.ways.place, (await any.status()).backend], ['inside', 'fuse']);
  assert.is((await (await world.open({ backend: 'kernel' })).profile.restore()).gap, false);
  assert.is((await any.status()).backend, 'kernel');
  await any.disable(['two']);
  assert.is((await any.status()).backend, 'kernel');
});

test('the mount stays when a union shows other layers, and what is unmounted ends its process', async () => {
  await using world = await makeWorld(fuse);
  const target = await writableStack(world);
  const nanolin = await world.open();
  await nanolin.profile.switch('p');
  const line = () =>
    readFileSync('/proc/self/mountinfo', 'utf8')
      .split('\n')
      .find(each => each.includes(` ${target} `));
  const before = line();
  const { ways, gap } = await nanolin.enable(['two']);
  assert.equal([ways.place, gap, read(`${target}/two`)], ['inside', false, 'two']);
  assert.is(line(), before);
  assert.match(before ?? '', / - fuse\.nanolin nanolin-1-[0-9a-f]{12} /);
  execFileSync('umount', [target]);
  assert.is(await serversSettled(world.root, 0), 0);
  assert.is(read(`${target}/two`), 'ENOENT');
});

test('a union none of whose next layers can be used gives way to the base, as an overlay does', async () => {
  for (const options of [{ backend: 'kernel' }, fuse] as const) {
    await using world = await makeWorld(options);
    const target = world.directory('usr', { base: 'base' });
    for (const who of ['good', 'bad']) await world.layer(who, { who });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES good');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    const image = join(world.root, 'var/lib/nanolin/layers', (await nanolin.layer.show('bad')).image);
    execFileSync('sh', ['-c', 'chmod u+w "$1"; echo more >> "$1"; chmod u-w "$1"', 'sh', image]);
    const { leftOut } = await nanolin.swap('good', 'bad');
    assert.equal(
      leftOut.map(({ layer, code }) => [layer, code]),
      [['bad', 'image-changed']],
    );
    assert.equal(
      [read(`${target}/base`), read(`${target}/who`), mountsBelow(target)],
      ['base', 'ENOENT', []],
    );
    assert.is(await serversSettled(world.root, 0), 0);
    await nanolin.rollback(1);
    assert.is(read(`${target}/who`), 'good');
  }
});

test('who holds what a union shows no more is planned for and named, and nobody else', async () => {
  await using world = await makeWorld(fuse);
  const target = world.directory('usr', { base: 'base', 'd/': '' });
  for (const who of ['old', 'new']) await world.layer(who, { who, same: 'same' });
  world.profile('p', `TARGETS ${target} from=/`, 'ENABLES old');
  const nanolin = await world.open();
  await nanolin.profile.switch('p');
  const held = holding(`${target}/who`);
  const other = holding(`${target}/base`);
  try {
    const pids = (found: readonly { pid: number }[]) =>
      found.map(({ pid }) => pid).filter(pid => pid === held.pid || pid === other.pid);
    const plan = await nanolin.plan({ do: 'swap', old: 'old', replacement: 'new' });
    assert.equal(pids(plan.processes), [held.pid]);
    const result = await nanolin.swap('old', 'new');
    assert.equal(pids(result.holders), [held.pid]);
    assert.equal(result.holders.find(({ pid }) => pid === held.pid)?.generation, 1);
    await held.end();
    assert.equal(pids((await nanolin.status()).holders), []);
  } finally {
    await held.end();
    await other.end();
  }
});

/** A process that has the file open. */
function holding(path: string): { pid: number; end: () => Promise<void> } {
  const fd = openSync(path, 'r');
  const child = spawn('sleep', ['1000'], { stdio: [fd, 'ignore', 'ignore'] });
  closeSync(fd);
  const ended = new Promise<void>(done => child.on('exit', () => done()));
  return {
    pid: child.pid ?? 0,
    end: () => {
      child.kill('SIGKILL');
      return ended;
    },
  };
}

test.run();
