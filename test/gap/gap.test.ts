// limit: 600s
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Nanolin, OpenOptions } from '../../src/index.ts';
import { program } from '../programs/build.ts';
import { type Scene, setScene } from './scene.ts';
import { describe, startSwarm, swarmList } from './swarm.ts';
import { expectedAt, writeLayerTree } from './trees.ts';

const switches = 1000;
const operations = 1_000_000;
const words = ['one', 'two'];

/** Two profiles that differ in every file the swarm reads; a third layer is in both of them. */
async function twoStacks(
  scene: Scene,
  options: OpenOptions = {},
): Promise<{ nanolin: Nanolin; list: string }> {
  const nanolin = await scene.open(options);
  for (const word of [...words, 'ground']) {
    const tree = join(scene.directory, word);
    mkdirSync(tree);
    writeLayerTree(tree, word);
    await nanolin.layer.import(tree, { name: word, version: '1' });
  }
  for (const word of words) scene.profile(word, ['ground', word]);
  const list = join(scene.directory, 'list');
  writeFileSync(list, swarmList(expectedAt(scene.target, words)));
  await nanolin.profile.switch('one');
  return { nanolin, list };
}

/** Back and forth; ends on `one`. */
async function switchOver(nanolin: Nanolin, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    const { changed, gap, leftOut } = await nanolin.profile.switch(n % 2 === 0 ? 'two' : 'one');
    assert.is(changed, true);
    assert.is(gap, false);
    assert.equal(leftOut, []);
  }
}

test(`${switches} switches on a private parent fail no reader`, async () => {
  await using scene = await setScene('private');
  const { nanolin, list } = await twoStacks(scene);
  await using swarm = startSwarm(program('swarm'), list, 2);
  assert.is((await swarm.ask()).failures, 0, 'the stack was not whole to begin with');

  await switchOver(nanolin, switches);
  while ((await swarm.ask()).operations < operations) await switchOver(nanolin, 20);

  const counts = await swarm.end();
  assert.ok(counts && counts.operations >= operations);
  assert.is(counts.failures, 0, describe(counts));
  for (const [kind, done] of Object.entries(counts.done)) assert.ok(done > 0, `no ${kind} was made`);
});

test(`${switches} switches on a shared parent fail no reader, here or in a slave namespace`, async () => {
  await using scene = await setScene('shared');
  const { nanolin, list } = await twoStacks(scene);
  await using here = startSwarm(program('swarm'), list, 1);
  await using slave = startSwarm(program('swarm'), list, 1, ['unshare', '--mount', '--propagation', 'slave']);
  for (const swarm of [here, slave]) assert.is((await swarm.ask()).failures, 0);

  await switchOver(nanolin, switches);
  while ((await here.ask()).operations + (await slave.ask()).operations < operations)
    await switchOver(nanolin, 20);

  for (const swarm of [here, slave]) {
    const counts = await swarm.end();
    assert.ok(counts && counts.operations > operations / 10);
    assert.is(counts.failures, 0, describe(counts));
  }
});

test('a slave namespace sees each switch', async () => {
  await using scene = await setScene('shared');
  const { nanolin, list } = await twoStacks(scene);
  // It accepts the first stack only, so it must begin to find what is wrong when the second one arrives.
  writeFileSync(list, swarmList(expectedAt(scene.target, ['one'])));
  await using slave = startSwarm(program('swarm'), list, 1, ['unshare', '--mount', '--propagation', 'slave']);
  assert.is((await slave.ask()).failures, 0);
  await nanolin.profile.switch('two');
  for (let asked = 0; asked < 10_000 && (await slave.ask()).failures === 0; asked++) {}
  const counts = await slave.end();
  assert.equal(Object.keys(counts?.failed ?? {}), ['read wrong']);
});

test('the swarm finds the gap where there is one', async () => {
  await using scene = await setScene('private');
  const { nanolin, list } = await twoStacks(scene, { forced: ['no-beneath'] });
  await using swarm = startSwarm(program('swarm'), list, 2);
  assert.is((await swarm.ask()).failures, 0);
  for (let n = 0; n < 2 || ((await swarm.ask()).failures === 0 && n < switches); n++)
    assert.is((await nanolin.profile.switch(n % 2 === 0 ? 'two' : 'one')).gap, true);
  const counts = await swarm.end();
  assert.ok(counts && counts.failures > 0, 'no reader failed in a switch that says it has a gap');
  assert.ok(
    Object.keys(counts.failed).some(kind => kind.endsWith('ENOENT')),
    describe(counts),
  );
});

test.run();
