// limit: 400s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { OpenOptions } from '../../src/index.ts';
import { program, refused } from './stack-contract.ts';
import { makeWorld, mountsBelow, read } from './world.ts';

const test = suite('as many layers as the kernel stacks');

test('499 layers over the base come up and go; one more than the kernel takes is refused in words', async () => {
  await using world = await makeWorld();
  const target = world.directory('usr', { base: 'base' });
  const names = Array.from({ length: 500 }, (_, i) => `layer-${i}`);
  for (const name of names) await world.layer(name, { who: name, [name]: name });
  world.profile('most', `TARGETS ${target} from=/`, ...names.slice(0, 499).map(name => `ENABLES ${name}`));
  world.profile('more', `TARGETS ${target} from=/`, ...names.map(name => `ENABLES ${name}`));
  const ways: readonly OpenOptions[] = [
    {},
    { forced: ['no-detached-layers'] },
    { forced: ['no-lowerdir-plus'] },
    { backend: 'fuse', program },
  ];
  for (const way of ways) {
    const nanolin = await world.open(way);
    await nanolin.profile.switch('most');
    assert.equal(
      [read(`${target}/who`), read(`${target}/layer-0`), read(`${target}/base`)],
      ['layer-498', 'layer-0', 'base'],
    );
    await refused('refused', nanolin.profile.switch('more'));
    assert.is(read(`${target}/who`), 'layer-498');
    await nanolin.disable(['layer-498']);
    assert.is(read(`${target}/who`), 'layer-497');
    await nanolin.rollback(0);
    assert.equal(mountsBelow(target), []);
  }
});

test.run();
