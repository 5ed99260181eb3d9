import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import type { Nanolin } from '../../src/index.ts';
import type { Layer } from '../../src/layer/types.ts';
import { type Scene, setScene } from '../gap/scene.ts';
import { writeTree } from '../gap/trees.ts';

export const nanolinProgram = join(import.meta.dirname, '../../dist/nanolin.js');

/** A scene of its own below the scratch directory that run.ts removes. */
export function benchScene(scratch: string): Promise<Scene> {
  const directory = join(scratch, 'scene');
  mkdirSync(directory);
  return setScene('private', directory);
}

/** An image's path in the scene's layer store. */
export function storedAt(scene: Scene, layer: Layer): string {
  return join(scene.root, 'var/lib/nanolin/layers', layer.image);
}

/** Small trees that are a layer of ours and a system extension alike; `more` adds to one. Topmost is the last. */
export function extensionTrees(
  scratch: string,
  count: number,
  more: (tree: string) => void = () => {},
): { name: string; tree: string }[] {
  return Array.from({ length: count }, (_, n) => {
    const name = `l${n}`;
    const tree = join(scratch, 'trees', name);
    writeTree(tree, {
      [`usr/lib/extension-release.d/extension-release.${name}`]: 'ID=_any\n',
      [`usr/share/nanolin-bench/${name}/file`]: `${name}\n`,
      'usr/share/nanolin-bench/top': `${name}\n`,
    });
    more(join(tree, 'usr'));
    return { name, tree };
  });
}

export async function importTrees(
  nanolin: Nanolin,
  trees: readonly { name: string; tree: string }[],
): Promise<Layer[]> {
  const layers: Layer[] = [];
  for (const { name, tree } of trees)
    layers.push(...(await nanolin.layer.import(tree, { name, version: '1' })));
  return layers;
}

/** The same trees as NAME.raw, which is what systemd-sysext takes for an image. */
export async function makeRawImages(
  directory: string,
  trees: readonly { name: string; tree: string }[],
): Promise<void> {
  mkdirSync(directory, { recursive: true });
  for (const { name, tree } of trees) await execa('mkfs.erofs', [join(directory, `${name}.raw`), tree]);
}
