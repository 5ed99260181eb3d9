import { randomFillSync } from 'node:crypto';
import { closeSync, mkdirSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { writeTree } from '../gap/trees.ts';
import { benchScene, storedAt } from './stage.ts';
import { median, milliseconds, printTable } from './table.ts';

const MiB = 2 ** 20;
const sizes = [1, 16, 256, 2048];
const rounds = 41;

/** (c) Does a switch take longer because an image is bigger? Uncompressed random data, so that the image is as big as it says. */
export async function run(scratch: string): Promise<void> {
  await using scene = await benchScene(scratch);
  const nanolin = await scene.open();
  const small = join(scene.directory, 'small');
  writeTree(small, { 'share/small': 'small\n' });
  await nanolin.layer.import(small, { name: 'small', version: '1' });
  scene.profile('without', ['small']);

  const images: { name: string; bytes: number; times: number[] }[] = [];
  for (const size of sizes) {
    const name = `big${size}`;
    const image = join(scene.directory, `${name}.img`);
    await makeImage(scene.directory, image, size);
    const [layer] = await nanolin.layer.import(image, { name, version: '1', unsigned: true });
    if (!layer) throw new Error(`${name} was not imported`);
    rmSync(image);
    scene.profile(name, ['small', name]);
    images.push({ name, bytes: statSync(storedAt(scene, layer)).size, times: [] });
  }
  await nanolin.profile.switch('without');
  for (let round = 0; round < rounds; round++)
    for (const { name, times } of images) {
      times.push((await nanolin.profile.switch(name)).ms.total);
      await nanolin.profile.switch('without');
    }
  printTable(
    'A switch to a stack with one image of this size (medians)',
    ['image', 'switch'],
    images.map(({ bytes, times }) => [`${(bytes / MiB).toFixed(0)} MiB`, milliseconds(median(times))]),
  );
}

async function makeImage(scratch: string, image: string, size: number): Promise<void> {
  const tree = join(scratch, 'tree');
  mkdirSync(join(tree, 'share'), { recursive: true });
  const chunk = Buffer.alloc(MiB);
  const file = openSync(join(tree, 'share/random'), 'w');
  for (let written = 0; written < size; written++) writeSync(file, randomFillSync(chunk));
  closeSync(file);
  await execa('mkfs.erofs', [image, tree]);
  rmSync(tree, { recursive: true });
}
