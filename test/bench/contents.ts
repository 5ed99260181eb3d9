import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Entry, isPackageName, printManifest } from '../../src/formats/index.ts';

/** A manifest on disk, as the program that builds the index gets it. */
export interface Listed {
  readonly layer: string;
  readonly file: string;
  readonly digest: string;
}

const stamp = 'r26.11-G22095100';

interface Manifests {
  readonly listed: readonly Listed[];
  readonly entries: number;
  /** Every so many entries one, where it is a file, in the order of the packages. */
  readonly some: readonly string[];
}

/** One manifest for each package of Debian main, from the Contents indexes that apt keeps. */
export async function debianManifests(directory: string): Promise<Manifests> {
  const packages = await packagePaths(await contentsFiles());
  mkdirSync(directory);
  const listed: Listed[] = [];
  const some: string[] = [];
  let entries = 0;
  for (const [layer, paths] of packages) {
    const tree = entriesOf(paths);
    const text = manifest(layer, tree);
    const file = join(directory, `${layer}.lst`);
    writeFileSync(file, text, 'latin1');
    listed.push({ layer, file, digest: createHash('sha256').update(text).digest('hex') });
    for (const { path, type } of tree) if (entries++ % 1487 === 0 && type === 'file') some.push(path);
  }
  return { listed, entries, some };
}

/** apt fetches the indexes for whoever asks for them in its configuration, which apt-file does. */
async function contentsFiles(): Promise<string[]> {
  const known = async () => {
    const { stdout } = await execa('apt-get', [
      ...['indextargets', '--format', '$(FILENAME)'],
      ...['Created-By: Contents-deb', 'Component: main'],
    ]);
    return stdout.split('\n').filter(file => file !== '' && existsSync(file));
  };
  const already = await known();
  if (already.length > 0 && existsSync('/usr/bin/apt-file')) return already;
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  await execa('apt-get', ['update', '-qq'], { env });
  await execa('apt-get', ['install', '-y', '-qq', '--no-install-recommends', 'apt-file'], { env });
  await execa('apt-file', ['update'], { env });
  return known();
}

/** Lines are a path, blanks, and `section/package` words joined by commas; a path may have blanks itself. */
async function packagePaths(files: readonly string[]): Promise<Map<string, Set<string>>> {
  const packages = new Map<string, Set<string>>();
  for (const file of files) {
    const { stdout } = await execa('/usr/lib/apt/apt-helper', ['cat-file', file], {
      encoding: 'buffer',
      maxBuffer: 2 ** 32,
    });
    const bytes = Buffer.from(stdout.buffer, stdout.byteOffset, stdout.byteLength);
    for (let at = 0; at < bytes.length; ) {
      const newline = bytes.indexOf(0x0a, at);
      const end = newline < 0 ? bytes.length : newline;
      const line = bytes.toString('latin1', at, end);
      at = end + 1;
      const split = line.lastIndexOf(' ');
      const path = line.slice(0, split).trimEnd();
      for (const word of line.slice(split + 1).split(',')) {
        const name = word.slice(word.lastIndexOf('/') + 1);
        if (path === '' || !isPackageName(name)) continue;
        const paths = packages.get(name) ?? new Set();
        packages.set(name, paths.add(path));
      }
    }
  }
  return packages;
}

/** The directories are not in the index; a manifest has them. */
function entriesOf(paths: ReadonlySet<string>): Entry[] {
  const directories = new Set(['']);
  for (const path of paths)
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const directory = path.slice(0, slash);
      if (directories.has(directory)) break;
      directories.add(directory);
    }
  const owned = { uid: 0, gid: 0 };
  return [
    ...[...directories].map((path): Entry => ({ path, type: 'dir', mode: 0o755, ...owned })),
    ...[...paths]
      .filter(path => !directories.has(path))
      .map((path): Entry => ({ path, type: 'file', mode: 0o644, ...owned, size: path.length, sha256 })),
  ];
}

const sha256 = createHash('sha256').digest('hex');

function manifest(layer: string, entries: readonly Entry[]): string {
  const image = `${layer}-v1-${stamp}.img`;
  return printManifest({ header: { package: layer, version: '1', stamp, image, size: 1, sha256 }, entries });
}
