// limit: 120s
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { program } from '../contract/stack-contract.ts';
import { makeWorld, mountsBelow, read, type World } from '../contract/world.ts';
import { killServers, serversOf, serversSettled } from './servers.ts';

const test = suite('unions whose process ends');
const options = { backend: 'fuse', program } as const;

async function setUp(world: World) {
  const target = world.directory('usr', { base: 'base' });
  for (const who of ['one', 'two']) await world.layer(who, { who });
  world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one');
  const nanolin = await world.open();
  await nanolin.profile.switch('p');
  return { target, nanolin };
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (let tries = 0; !holds(); tries++) {
    assert.ok(tries < 400, `never ${what}`);
    await sleep(50);
  }
}

/** Processes that keep the stacks of a root up. */
const keepersOf = (root: string): number[] =>
  readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && read(`/proc/${name}/cmdline`).includes('--internal-keep-unions'))
    .filter(name => read(`/proc/${name}/cmdline`).includes(`${root}"`))
    .map(Number);

test('a keeper mounts the stack again, whenever its process ends, until there is none', async () => {
  await using world = await makeWorld({ ...options, restart: true });
  const { target, nanolin } = await setUp(world);
  for (let round = 0; round < 2; round++) {
    await until('kept', () => keepersOf(world.root).length === 1);
    const [pid = 0] = serversOf(world.root);
    process.kill(pid, 'SIGKILL');
    await until('served', () => serversOf(world.root).some(other => other !== pid));
    await until('mounted', () => read(`${target}/who`) === 'one');
  }
  await until('unlocked', () => read(`${world.root}/run/nanolin/lock`) === '');
  assert.equal([mountsBelow(target).length, (await nanolin.status()).recovery], [1, []]);
  assert.is((await nanolin.swap('one', 'two')).ways.place, 'inside');
  assert.is(read(`${target}/who`), 'two');
  await nanolin.rollback(0);
  assert.is(await serversSettled(world.root, 0), 0);
  await until('left', () => keepersOf(world.root).length === 0);
});

test('it gives up when the process ends again and again', async () => {
  await using world = await makeWorld(options);
  const { target, nanolin } = await setUp(world);
  const said: string[] = [];
  const log = { debug() {}, info() {}, warn: (_: object, message: string) => void said.push(message) };
  const keeping = (await world.open({ log })).keep();
  for (let death = 1; death <= 5; death++) {
    await until(
      'mounted',
      () => read(`${target}/who`) === 'one' && read(`${world.root}/run/nanolin/lock`) === '',
    );
    killServers(world.root);
    if (death < 5) await until('gone', () => said.filter(each => /has ended/.test(each)).length >= death * 2);
  }
  await keeping;
  assert.match(said.at(-1) ?? '', 'again and again');
  // A request that was on its way when the process ended is aborted; those after it are refused.
  await until('dead', () => read(`${target}/who`) === 'ENOTCONN');
  assert.match((await nanolin.status()).recovery.join(), /has ended; .*--restore/);
  await nanolin.profile.restore();
  assert.equal([read(`${target}/who`), mountsBelow(target).length], ['one', 1]);
});

test('SIGTERM unmounts it, and it stays unmounted', async () => {
  await using world = await makeWorld(options);
  const { target, nanolin } = await setUp(world);
  const keeping = (await world.open()).keep();
  const [pid = 0] = serversOf(world.root);
  process.kill(pid, 'SIGTERM');
  await keeping;
  assert.is(await serversSettled(world.root, 0), 0);
  assert.equal([mountsBelow(target), read(`${target}/base`)], [[], 'base']);
  assert.match((await nanolin.status()).recovery.join(), 'was unmounted');
});

test('nobody asks a union that hangs but who has to, and its path is left alone', async () => {
  await using world = await makeWorld(options);
  const { target, nanolin } = await setUp(world);
  const [pid = 0] = serversOf(world.root);
  process.kill(pid, 'SIGSTOP');
  try {
    // What is asked for is what the record and the mount table know.
    const { targets, recovery } = await nanolin.status();
    assert.equal([targets[0]?.mounted, recovery], [true, []]);
  } finally {
    process.kill(pid, 'SIGKILL');
  }
  await serversSettled(world.root, 0);
  await nanolin.layer.import(world.directory('probe', { probe: '' }), { name: 'probe', version: '1' });
  assert.is(read(`${target}/who`), 'one');
  assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), target);
  execFileSync('umount', [target]);
});

test.run();
