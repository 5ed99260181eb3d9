import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import type { Nanolin, OpenOptions } from '../../src/index.ts';
import type { Scene } from './scene.ts';
import { swarmList } from './swarm.ts';
import { expectedAt, writeLayerTree } from './trees.ts';

const words = ['one', 'two'];

/** Two profiles that differ in every file the swarm reads; a third layer is in both of them. */
export async function twoStacks(
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
export async function switchOver(nanolin: Nanolin, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    const { changed, gap, leftOut } = await nanolin.profile.switch(n % 2 === 0 ? 'two' : 'one');
    assert.is(changed, true);
    assert.is(gap, false);
    assert.equal(leftOut, []);
  }
}
