import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { benchScene } from './stage.ts';
import { median, milliseconds, printTable, ratio } from './table.ts';

const rounds = 5;
/** What a host is likely to have, until it is enough: small files and large ones, text and machine code. */
const sources = [
  '/usr/include',
  '/usr/share/doc',
  '/usr/lib/python3',
  '/usr/lib/git-core',
  '/usr/share/perl',
  '/usr/lib/gcc',
  '/usr/bin',
];
const enough = 300e6;
/** Those of make.ts; an id and a time that are fixed. */
const flags = ['--quiet', '-zlz4hc', '-C16384', '-T', '0', '-U', '00000000-0000-4000-8000-000000000000'];

/**
 * (g) What hashing and listing add to mkfs.erofs alone with the same flags, and where the rest of the import of a directory goes: its
 * files are copied first, so that nobody can change them between the judging, the hashing and the image.
 */
export async function run(scratch: string): Promise<void> {
  await using scene = await benchScene(scratch);
  const tree = join(scratch, 'tree');
  const { bytes, files } = await gatherTree(tree);
  let points = new Map<string, number>();
  const nanolin = await scene.open({ at: point => points.set(point, performance.now()) });
  const times: Record<'bare' | 'copy' | 'ours' | 'walk' | 'mkfs' | 'store' | 'clean' | 'whole', number[]> = {
    ...{ bare: [], copy: [], ours: [], walk: [], mkfs: [], store: [], clean: [], whole: [] },
  };
  for (let round = 0; round < rounds; round++) {
    times.bare.push(await timeOf('mkfs.erofs', [...flags, join(scratch, 'bare.img'), tree]));
    times.copy.push(await timeOf('cp', ['--archive', tree, join(scratch, 'copy')]));
    for (const name of ['bare.img', 'copy']) rmSync(join(scratch, name), { recursive: true });
    points = new Map([['began', performance.now()]]);
    const [layer] = await nanolin.layer.import(tree, { name: 'tree', version: String(round) });
    const between = (from: string, to: string) => (points.get(to) ?? 0) - (points.get(from) ?? 0);
    points.set('ended', performance.now());
    times.ours.push(between('began', 'import:unpacked'));
    times.walk.push(between('import:unpacked', 'import:walked'));
    times.mkfs.push(between('import:walked', 'import:image'));
    times.store.push(between('import:image', 'import:indexed'));
    times.clean.push(between('import:indexed', 'ended'));
    times.whole.push(between('began', 'ended'));
    await nanolin.layer.remove(layer?.image ?? '');
  }
  const bare = median(times.bare);
  const hashed = median(times.walk.map((walk, n) => walk + (times.mkfs[n] ?? 0) + (times.store[n] ?? 0)));
  const row = (what: string, ms: number) => [what, milliseconds(ms), ratio(ms, bare)];
  printTable(
    `Importing a directory of ${(bytes / 1e6).toFixed(0)} MB in ${files} files (medians)`,
    ['what', 'time', 'of mkfs.erofs alone'],
    [
      row('mkfs.erofs alone', bare),
      row('an image with its manifest from a staged tree', hashed),
      row('  judge, hash and list the files', median(times.walk)),
      row('  mkfs.erofs', median(times.mkfs)),
      row('  hash the image, print, sync, record', median(times.store)),
      row('copy into the stage, judged on the way', median(times.ours)),
      row('remove the stage', median(times.clean)),
      row('cp --archive, for comparison', median(times.copy)),
      row('the whole import', median(times.whole)),
    ],
  );
}

async function gatherTree(tree: string): Promise<{ bytes: number; files: number }> {
  let size = { bytes: 0, files: 0 };
  for (const source of sources.filter(source => existsSync(source))) {
    mkdirSync(join(tree, source, '..'), { recursive: true });
    await execa('cp', ['--archive', source, join(tree, source)]);
    size = await measure(tree);
    if (size.bytes > enough) break;
  }
  return size;
}

async function measure(tree: string): Promise<{ bytes: number; files: number }> {
  const { stdout } = await execa('find', [tree, '-type', 'f', '-printf', '%s\\n'], { maxBuffer: 2 ** 28 });
  const sizes = stdout.split('\n').filter(line => line !== '');
  return { bytes: sizes.reduce((sum, size) => sum + Number(size), 0), files: sizes.length };
}

async function timeOf(program: string, args: readonly string[]): Promise<number> {
  const began = performance.now();
  await execa(program, args);
  return performance.now() - began;
}
