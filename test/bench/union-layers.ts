import { execFileSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export interface UnionLayers {
  /** Topmost first. */
  readonly lowers: readonly string[];
  /** Files and links in all of them; no path is in two. */
  readonly files: number;
  /** An archive of some of the same files. */
  readonly archive: string;
  /** Below the union's root. */
  readonly large: string;
}

const MiB = 2 ** 20;
const archived = 3000;
const largest = '256k';

/** Copies of this machine's own files below /usr, spread over layers so that nearly every directory is in several of them, and one large file. */
export function makeUnionLayers(scratch: string, depth: number, wanted: number): UnionLayers {
  const found = ['/usr/share', '/usr/include', '/usr/lib'].flatMap(directory => smallFiles(directory));
  const paths = found.slice(0, wanted);
  const lowers = Array.from({ length: depth }, (_, at) => {
    const lower = join(scratch, `lower${at}`);
    mkdirSync(lower);
    unpack(
      pack(
        scratch,
        `lower${at}`,
        paths.filter((_, index) => index % depth === at),
      ),
      lower,
    );
    return lower;
  });
  const large = 'large';
  writeRandom(join(lowers.at(-1) ?? '', large), 256);
  const archive = pack(scratch, 'archive', paths.slice(0, archived));
  return { lowers, files: paths.length + 1, archive, large };
}

function smallFiles(directory: string): string[] {
  const conditions = ['(', '-type', 'f', '-size', `-${largest}`, '-o', '-type', 'l', ')', '-print0'];
  const list = execFileSync('find', [directory, '-xdev', ...conditions], {
    encoding: 'latin1',
    maxBuffer: 256 * MiB,
  });
  return list.split('\0').filter(Boolean);
}

function pack(scratch: string, name: string, paths: readonly string[]): string {
  const [list, archive] = [join(scratch, `${name}.list`), join(scratch, `${name}.tar`)];
  writeFileSync(list, paths.map(path => `.${path}\0`).join(''), 'latin1');
  execFileSync('tar', ['-C', '/', '-cf', archive, '--hard-dereference', '--null', '-T', list]);
  return archive;
}

function unpack(archive: string, directory: string): void {
  execFileSync('tar', ['-C', directory, '-xf', archive]);
  execFileSync('rm', [archive]);
}

function writeRandom(path: string, mebibytes: number): void {
  const chunk = Buffer.alloc(MiB);
  const file = openSync(path, 'w');
  for (let written = 0; written < mebibytes; written++) writeSync(file, randomFillSync(chunk));
  closeSync(file);
}
