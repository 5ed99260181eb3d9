import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import * as assert from 'uvu/assert';
import type { Nanolin, OpenOptions } from '../../src/index.ts';
import { makeWorld, mountsBelow, read, type World } from '../contract/world.ts';
import { serversSettled, socketsOf } from './servers.ts';

/** Who is killed at a boundary; `controller` is the process that switches. */
export type Victim = 'controller' | 'servers' | 'both';

const actor = resolve(fileURLToPath(import.meta.url), '../actor.ts');

export interface Killing {
  readonly options?: OpenOptions;
  readonly victim?: Victim;
}

export function act(
  world: World,
  nth: number,
  action: readonly string[],
  { options = {}, victim = 'controller' }: Killing = {},
): { killed: boolean; passed: string[] } {
  const child = spawnSync(process.execPath, ['--import', 'tsx', actor, world.root, String(nth), ...action], {
    encoding: 'utf8',
    env: {
      ...process.env,
      NANOLIN_TEST_OPTIONS: JSON.stringify(options),
      NANOLIN_TEST_VICTIM: victim,
    },
  });
  // Whether a command ends well whose servers are gone is not the question here.
  if (child.signal === 'SIGKILL' || (nth > 0 && victim === 'servers')) return { killed: true, passed: [] };
  assert.is(child.status, 0, child.stderr);
  return { killed: false, passed: JSON.parse(child.stdout) };
}

/** Two targets, so that the swap has a middle; `who` tells which profile each of them shows. */
export async function setUp(
  world: World,
  options: OpenOptions = {},
): Promise<{ a: string; b: string; nanolin: Nanolin }> {
  const a = world.directory('a', { base: 'base', 'mnt/': '' });
  const b = world.directory('b', { base: 'base' });
  for (const name of ['old', 'new']) await world.layer(name, { who: name, [name]: name });
  await world.layer('extra', { extra: 'extra' });
  for (const name of ['old', 'new']) world.profile(name, `TARGETS ${a} ${b} from=/`, `ENABLES ${name}`);
  // Nested mounts take part in the crash, too.
  execFileSync('mount', ['-t', 'tmpfs', 'nested', `${a}/mnt`]);
  const nanolin = await world.open(options);
  await nanolin.profile.switch('old');
  return { a, b, nanolin };
}

export function leftovers(world: World): string[] {
  const lib = join(world.root, 'var/lib/nanolin');
  return [
    ...readdirSync(join(lib, 'tmp')),
    ...readdirSync(lib).filter(name => name.startsWith('.')),
    ...readdirSync(join(lib, 'generations')).filter(name => name.startsWith('.')),
    ...readdirSync(join(world.root, 'run/nanolin')).filter(name => name.startsWith('.')),
    ...loops(world),
  ];
}

function loops(world: World): string[] {
  return readdirSync('/sys/block')
    .filter(name => name.startsWith('loop'))
    .filter(name => read(`/sys/block/${name}/loop/backing_file`).startsWith(world.root));
}

/** Every stack whole and the same on both targets, as state says, and nothing beside it: neither mounts nor processes nor sockets. */
export async function wholeStack(
  world: World,
  { a, b, nanolin, shown, point }: Scene & { nanolin: Nanolin; shown: readonly string[]; point: string },
): Promise<void> {
  const status = await nanolin.status();
  assert.equal(status.recovery, [], point);
  const layers = status.targets[0]?.layers.map(({ name }) => name) ?? [];
  for (const name of shown) {
    const seen = [a, b].map(target => read(`${target}/${name}`));
    assert.is(seen[0], seen[1], `${point}: the targets agree`);
    assert.is(seen[0], layers.includes(name) ? name : 'ENOENT', `${point}: state says ${layers.join(' ')}`);
  }
  const mounts = mountsBelow(world.live);
  // The tmpfs they lie on, what is mounted inside the base of a, the stacks, and the same inside the stack on a.
  const stacks = status.targets.filter(({ mounted }) => mounted).length;
  assert.is(mounts.length, stacks > 0 ? stacks + 3 : 2, `${point}: ${mounts.join('\n')}`);
  const unions = mounts.filter(line => line.includes(' fuse.nanolin ')).length;
  assert.is(await serversSettled(world.root, unions), unions, `${point}: processes that serve`);
  assert.is(socketsOf(world.root).length, unions, `${point}: sockets`);
}

interface Scene {
  readonly a: string;
  readonly b: string;
}

interface Everywhere extends Killing {
  /** What stands before the action; the stack of `old` without it. */
  readonly before?: (nanolin: Nanolin) => Promise<unknown>;
  /** At which boundaries; all without it. */
  readonly at?: RegExp;
  /** How the stack is mounted that stands before. */
  readonly from?: OpenOptions;
}

/** Kills at each boundary of the action in turn; afterwards the next command must find one whole stack, and nothing left over. */
export async function killEverywhere(
  action: readonly string[],
  shown: readonly string[],
  { before = nanolin => nanolin.profile.switch('old'), at = /./, ...killing }: Everywhere = {},
): Promise<void> {
  const { options = {}, from = options, victim = 'controller' } = killing;
  await using world = await makeWorld();
  const { a, b, nanolin } = await setUp(world, from);
  await before(nanolin);
  const { passed } = act(world, 0, action, killing);
  assert.ok(passed.length >= 8, `few boundaries: ${passed.join(' ')}`);
  const hit = [...passed.entries()].filter(([, name]) => at.test(name));
  assert.ok(hit.length > 0, `no boundary is like ${at}: ${passed.join(' ')}`);

  for (const [index, name] of hit) {
    await before(nanolin);
    const point = `${action.join(' ')}: ${victim} killed at ${name} (${index + 1})`;
    assert.ok(act(world, index + 1, action, killing).killed, point);
    if (victim === 'controller')
      for (const target of [a, b]) assert.is(read(`${target}/base`), 'base', point);
    // Any writing command recovers before it does its own work: this one changes nothing else.
    await nanolin.layer.import(world.directory('probe', { probe: '' }), { name: 'probe', version: '1' });
    await wholeStack(world, { a, b, nanolin, shown, point });
    await before(nanolin);
    assert.equal(leftovers(world), [], point);
  }
}
