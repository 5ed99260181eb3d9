// limit: 600s
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWorld, mountsBelow, read, writeFiles } from '../contract/world.ts';
import { act, killEverywhere, leftovers, setUp } from './kill.ts';

const test = suite('SIGKILL at every step boundary');

test('a profile switch', () => killEverywhere(['switch', 'new'], ['old', 'new']));
test('enable', () => killEverywhere(['enable', 'extra'], ['old', 'extra']));

test('a rollback to the bare base', () => killEverywhere(['rollback', '0'], ['old']));

test('an import: the layer is there whole or not at all, and can be imported again', async () => {
  await using world = await makeWorld();
  const tree = join(world.live, 'tree');
  writeFiles(tree, { 'usr/bin/x': 'x', 'usr/lib/y': 'y' });
  const nanolin = await world.open();
  const { passed } = act(world, 0, ['import', tree, 'thing']);
  assert.ok(passed.length >= 3, passed.join(' '));
  for (let nth = 1; nth <= passed.length; nth++) {
    await nanolin.layer.remove('thing');
    const point = `killed at ${passed[nth - 1]}`;
    assert.ok(act(world, nth, ['import', tree, 'thing']).killed, point);
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
  const { passed } = act(world, 0, ['switch', 'new']);
  for (const [crash, point] of passed.entries()) {
    if (!/^loop:|intended$|swapped$/.test(point)) continue;
    for (let second = 1; second <= 4; second++) {
      await nanolin.profile.switch('old');
      assert.ok(act(world, crash + 1, ['switch', 'new']).killed, point);
      act(world, second, ['enable', 'extra']);
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
  const { passed } = act(world, 0, ['switch', 'new']);
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
