// limit: 600s
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Nanolin } from '../../src/index.ts';
import { makeWorld, mountsBelow, read, type World, writeFiles } from '../contract/world.ts';

const test = suite('SIGKILL at every step boundary');
const actor = resolve(fileURLToPath(import.meta.url), '../actor.ts');

function act(world: World, nth: number, ...action: readonly string[]): { killed: boolean; passed: string[] } {
  const child = spawnSync(process.execPath, ['--import', 'tsx', actor, world.root, String(nth), ...action], {
    encoding: 'utf8',
  });
  if (child.signal === 'SIGKILL') return { killed: true, passed: [] };
  assert.is(child.status, 0, child.stderr);
  return { killed: false, passed: JSON.parse(child.stdout) };
}

/** Two targets, so that the swap has a middle; `who` tells which profile each of them shows. */
async function setUp(world: World): Promise<{ a: string; b: string; nanolin: Nanolin }> {
  const a = world.directory('a', { base: 'base', 'mnt/': '' });
  const b = world.directory('b', { base: 'base' });
  for (const name of ['old', 'new']) await world.layer(name, { who: name, [name]: name });
  await world.layer('extra', { extra: 'extra' });
  for (const name of ['old', 'new']) world.profile(name, `TARGETS ${a} ${b} from=/`, `ENABLES ${name}`);
  // Nested mounts take part in the crash, too.
  execFileSync('mount', ['-t', 'tmpfs', 'nested', `${a}/mnt`]);
  const nanolin = await world.open();
  await nanolin.profile.switch('old');
  return { a, b, nanolin };
}

function leftovers(world: World): string[] {
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

/** Kills the action at each boundary in turn; afterwards the next command must find one whole stack, and nothing left over. */
async function killEverywhere(action: readonly string[], shown: readonly string[]): Promise<void> {
  await using world = await makeWorld();
  const { a, b, nanolin } = await setUp(world);
  const settled = mountsBelow(world.live).length;
  const { passed } = act(world, 0, ...action);
  await nanolin.profile.switch('old');
  assert.ok(passed.length >= 8, `few boundaries: ${passed.join(' ')}`);

  for (let nth = 1; nth <= passed.length; nth++) {
    const point = `${action.join(' ')} killed at ${passed[nth - 1]} (${nth})`;
    assert.ok(act(world, nth, ...action).killed, point);
    for (const target of [a, b]) assert.is(read(`${target}/base`), 'base', point);
    // Any writing command recovers before it does its own work: this one changes nothing else.
    await nanolin.layer.import(join(world.live, 'a'), { name: 'probe', version: '1' });
    const status = await nanolin.status();
    const seen = shown.map(name => [a, b].map(target => read(`${target}/${name}`)));
    for (const [first, second] of seen) assert.is(first, second, `${point}: the targets agree`);
    assert.equal(status.recovery, [], point);
    assert.is(mountsBelow(world.live).length, settled, `${point}: ${mountsBelow(world.live).join('\n')}`);
    const layers = status.targets[0]?.layers.map(({ name }) => name) ?? [];
    for (const [i, name] of shown.entries())
      assert.is(
        seen[i]?.[0],
        layers.includes(name) ? name : 'ENOENT',
        `${point}: state says ${layers.join(' ')}`,
      );
    await nanolin.profile.switch('old');
    assert.equal(leftovers(world), [], point);
    assert.equal([read(`${a}/who`), read(`${b}/who`)], ['old', 'old'], point);
  }
}

test('a profile switch', () => killEverywhere(['switch', 'new'], ['old', 'new']));
test('enable', () => killEverywhere(['enable', 'extra'], ['old', 'extra']));

test('a rollback to the bare base', async () => {
  await using world = await makeWorld();
  const { a, b, nanolin } = await setUp(world);
  const { passed } = act(world, 0, 'rollback', '0');
  for (let nth = 1; nth <= passed.length; nth++) {
    await nanolin.profile.switch('old');
    const point = `killed at ${passed[nth - 1]}`;
    assert.ok(act(world, nth, 'rollback', '0').killed, point);
    await nanolin.layer.import(join(world.live, 'b'), { name: 'probe', version: '1' });
    const { profile, recovery } = await nanolin.status();
    assert.equal(recovery, [], point);
    const who = profile === 'old' ? 'old' : 'ENOENT';
    assert.equal([read(`${a}/who`), read(`${b}/who`)], [who, who], point);
  }
});

test('an import: the layer is there whole or not at all, and can be imported again', async () => {
  await using world = await makeWorld();
  const tree = join(world.live, 'tree');
  writeFiles(tree, { 'usr/bin/x': 'x', 'usr/lib/y': 'y' });
  const nanolin = await world.open();
  const { passed } = act(world, 0, 'import', tree, 'thing');
  assert.ok(passed.length >= 3, passed.join(' '));
  for (let nth = 1; nth <= passed.length; nth++) {
    await nanolin.layer.remove('thing');
    const point = `killed at ${passed[nth - 1]}`;
    assert.ok(act(world, nth, 'import', tree, 'thing').killed, point);
    const before = await nanolin.layer.list();
    for (const verdict of await nanolin.layer.verify([])) assert.ok(verdict.ok, point);
    await nanolin.layer.import(tree, { name: 'thing', version: '1' });
    assert.is((await nanolin.layer.list()).length, 1, `${point}: ${before.length} before`);
    const store = readdirSync(join(world.root, 'var/lib/nanolin/layers')).sort();
    assert.equal(
      store.map(name => name.replace(/.*\./, '')),
      ['img', 'lst'],
      point,
    );
    assert.equal(leftovers(world), [], point);
  }
});

test('a recovery that is killed itself, at each of its boundaries', async () => {
  await using world = await makeWorld();
  const { a, b, nanolin } = await setUp(world);
  const { passed } = act(world, 0, 'switch', 'new');
  for (const [crash, point] of passed.entries()) {
    if (!/^loop:|intended$|swapped$/.test(point)) continue;
    for (let second = 1; second <= 4; second++) {
      await nanolin.profile.switch('old');
      assert.ok(act(world, crash + 1, 'switch', 'new').killed, point);
      act(world, second, 'enable', 'extra');
      const where = `killed at ${point}, then at boundary ${second} of the next command`;
      await nanolin.layer.import(join(world.live, 'b'), { name: 'probe', version: '1' });
      const { profile, recovery } = await nanolin.status();
      assert.equal([read(`${a}/who`), read(`${b}/who`), recovery], [profile, profile, []], where);
      assert.is(mountsBelow(world.live).filter(line => line.includes('overlay')).length, 2, where);
    }
  }
});

test('nothing is killed in vain: the boundaries of a switch are these', async () => {
  await using world = await makeWorld();
  await setUp(world);
  const { passed } = act(world, 0, 'switch', 'new');
  for (const point of [
    'switch:attach',
    'switch:intend',
    'loop:beneath',
    'loop:detach',
    'switch:swapped',
    'switch:committed',
    'switch:release',
  ])
    assert.ok(passed.includes(point), `${point} in ${passed.join(' ')}`);
  assert.is(passed.filter(point => point === 'loop:detach').length, 2);
  assert.ok(readFileSync('/proc/self/mountinfo', 'utf8').length > 0);
});

test.run();
