import { NanolinError } from '../error/index.ts';
import { type Entry, type Manifest, maxManifestBytes, maxManifestLine } from './manifest.ts';
import { checkHeader, ManifestCheck } from './manifest-check.ts';
import { printPath } from './manifest-escape.ts';
import { printEntry, printHeader } from './manifest-lines.ts';

/**
 * The canonical text of a manifest, ASCII only: entries are sorted and hard links counted here. Throws `image-invalid`
 * for entries that no manifest may hold: what is printed always parses.
 */
export function printManifest({ header, entries }: Manifest): string {
  const fail = (what: string) => new NanolinError('image-invalid', `manifest of ${header.package}: ${what}`);
  const problem = checkHeader(header);
  if (problem !== null) throw fail(problem);
  const check = new ManifestCheck(fail);
  const lines = [printHeader(header)];
  let size = 0;
  for (const entry of countLinks(sorted(entries))) {
    check.entry(entry);
    const text = printEntry(entry);
    if (text.length > maxManifestLine) checkLines(text, entry, fail);
    size += text.length;
    if (size > maxManifestBytes) throw fail(`more than ${maxManifestBytes} bytes`);
    lines.push(text);
  }
  check.end();
  return lines.join('');
}

function sorted(entries: readonly Entry[]): readonly Entry[] {
  const inOrder = entries.every((entry, i) => i === 0 || (entries[i - 1] as Entry).path < entry.path);
  return inOrder ? entries : [...entries].sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
}

/** Numbers the inodes with several names from 1 in order of appearance; an inode with one name needs no mark. */
function* countLinks(entries: readonly Entry[]): Generator<Entry> {
  const names = new Map<number, number>();
  for (const { inode } of entries) if (inode !== undefined) names.set(inode, (names.get(inode) ?? 0) + 1);
  const ordinals = new Map<number, number>();
  for (const entry of entries) {
    const { nlink: _, inode, ...rest } = entry;
    const nlink = inode === undefined ? 1 : (names.get(inode) as number);
    if (inode === undefined || nlink === 1) {
      yield inode === undefined && entry.nlink === undefined ? entry : rest;
      continue;
    }
    const ordinal = ordinals.get(inode) ?? ordinals.size + 1;
    ordinals.set(inode, ordinal);
    yield { ...rest, nlink, inode: ordinal };
  }
}

function checkLines(text: string, { path }: Entry, fail: (what: string) => Error): void {
  if (text.split('\n').some(line => line.length > maxManifestLine))
    throw fail(`${printPath(path)}: needs a line of more than ${maxManifestLine} bytes`);
}
