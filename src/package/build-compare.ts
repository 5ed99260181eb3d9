import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../formats/index.ts';
import type { Sealed } from '../layer/index.ts';

interface Built {
  readonly sealed: Sealed;
  readonly tree: string;
}

/** The first thing in which two builds of one recipe differ, in a sentence; null where they are the same to the byte. */
export function firstDifference(one: Built, two: Built): string | null {
  const entry = firstEntry(one.sealed.entries, two.sealed.entries);
  if (entry !== null) {
    const bytes = entry.content && firstByte(join(one.tree, entry.path), join(two.tree, entry.path));
    return bytes ? `${entry.what}: ${bytes}` : entry.what;
  }
  if (one.sealed.digest === two.sealed.digest) return null;
  return `the files are the same and the images are not: ${firstByte(one.sealed.file, two.sealed.file)}`;
}

function firstEntry(
  one: readonly Entry[],
  two: readonly Entry[],
): { path: string; what: string; content: boolean } | null {
  const others = new Map(two.map(entry => [entry.path, entry]));
  const paths = [...new Set([...one, ...two].map(({ path }) => path))].sort();
  const own = new Map(one.map(entry => [entry.path, entry]));
  for (const path of paths) {
    const [a, b] = [own.get(path), others.get(path)];
    const shown = `/${Buffer.from(path, 'latin1').toString('utf8')}`;
    if (!a || !b)
      return { path, what: `${shown} is in the ${a ? 'first' : 'second'} build only`, content: false };
    const keys = [
      'type',
      'mode',
      'uid',
      'gid',
      'link',
      'size',
      'sha256',
      'inode',
      'tags',
      'device',
      'xattrs',
    ] as const;
    const key = keys.find(key => JSON.stringify(a[key]) !== JSON.stringify(b[key]));
    if (key === undefined) continue;
    const content = key === 'sha256' || (key === 'size' && a.type === 'file');
    const what = `${shown}: ${content ? 'its content' : key} differs${content ? '' : `, ${told(a, key)} and ${told(b, key)}`}`;
    return { path: Buffer.from(path, 'latin1').toString('utf8'), what, content };
  }
  return null;
}

function told(entry: Entry, key: keyof Entry): string {
  return key === 'mode' ? `0${entry.mode.toString(8)}` : JSON.stringify(entry[key] ?? null).slice(0, 200);
}

/** `at byte 1234: 6f6e65... and 74776f...`, sixteen bytes of each. */
function firstByte(one: string, two: string): string {
  const [a, b] = [openSync(one, 'r'), openSync(two, 'r')];
  try {
    const [left, right] = [Buffer.alloc(65_536), Buffer.alloc(65_536)];
    for (let at = 0; ; at += left.length) {
      const [x, y] = [readSync(a, left, 0, left.length, at), readSync(b, right, 0, right.length, at)];
      const length = Math.max(x, y);
      for (let i = 0; i < length; i++) {
        if (i < x && i < y && left[i] === right[i]) continue;
        const window = (part: Buffer, end: number) =>
          part.subarray(i, Math.min(i + 16, end)).toString('hex') || 'nothing';
        return `at byte ${at + i}: ${window(left, x)} and ${window(right, y)}`;
      }
      if (length < left.length) return 'no byte of it';
    }
  } finally {
    closeSync(a);
    closeSync(b);
  }
}
