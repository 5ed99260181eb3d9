import { chmodSync, lchownSync, linkSync, lutimesSync, unlinkSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';
import { type Entry, parseStamp } from '../formats/index.ts';
import { native } from '../kernel/index.ts';
import type { Context } from '../state/index.ts';
import { compareEntries } from './compare-entries.ts';
import type { OpenImage } from './open.ts';
import { run } from './run.ts';
import type { ImageFormat } from './superblock.ts';
import { ownsAll } from './told.ts';
import type { Layer } from './types.ts';
import { walkTree } from './walk.ts';

const programs: Readonly<
  Record<ImageFormat, { readonly name: string; readonly args: (tree: string) => string[] }>
> = {
  erofs: { name: 'fsck.erofs', args: tree => [`--extract=${tree}`, '--no-preserve'] },
  squashfs: { name: 'unsquashfs', args: tree => ['-quiet', '-no-progress', '-no-xattrs', '-dest', tree] },
};

/** Types, names, contents and targets of links: what else an image says comes from its manifest. */
export async function extractImage(
  ctx: Context,
  { fd, format }: Pick<OpenImage, 'fd' | 'format'>,
  tree: string,
  subject: string,
): Promise<void> {
  const { name, args } = programs[format];
  ctx.progress({ task: name, subject });
  await run(ctx, name, [...args(tree), '/proc/self/fd/0'], { stdin: fd });
}

/**
 * Gives an extracted tree the owners, modes, attributes, times and hard links of its manifest, as far as we may (see `asOwn`), and reads it
 * all once to see that it is what the manifest says. Throws image-invalid, naming the first differences.
 */
export async function checkExtracted(
  ctx: Context,
  tree: string,
  listed: readonly Entry[],
  { name, stamp }: Pick<Layer, 'name'> & { stamp?: string },
): Promise<void> {
  const entries = ownsAll() ? listed : listed.map(asOwn);
  const time = (stamp === undefined ? undefined : parseStamp(stamp))?.time ?? new Date(0);
  try {
    linkNames(tree, entries);
    // From the end: a directory loses its write bit, and gets its time, when what is in it is done.
    for (const entry of [...entries].reverse()) applyTo(placeIn(tree, entry.path), entry, time);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw invalid(name, (error as Error).message);
  }
  const difference = compareEntries(entries, await walkTree(ctx, tree, name));
  if (difference !== null) throw invalid(name, difference);
}

/**
 * What of an entry a tree can show where we are not root of the whole system: everything is his own, may be read by him, and nothing runs with the rights
 * of another; only attributes in `user.` are left. Devices and marks of overlays are in no image.
 */
export function asOwn(entry: Entry): Entry {
  const { xattrs, ...rest } = entry;
  const kept = Object.entries(xattrs ?? {}).filter(
    ([name]) => name.startsWith('user.') && entry.type !== 'link',
  );
  const readable = entry.type === 'dir' ? 0o500 : 0o400;
  return {
    ...rest,
    uid: process.geteuid?.() ?? 0,
    gid: process.getegid?.() ?? 0,
    mode: entry.type === 'link' ? entry.mode : (entry.mode & 0o1777) | readable,
    ...(kept.length > 0 ? { xattrs: Object.fromEntries(kept) } : {}),
  };
}

/** fsck.erofs 1.5 makes a file of each name of an inode. */
export function linkNames(tree: string, entries: readonly Pick<Entry, 'path' | 'inode'>[]): void {
  const first = new Map<number, Buffer>();
  for (const { path, inode } of entries) {
    if (inode === undefined) continue;
    const known = first.get(inode);
    if (!known) {
      first.set(inode, placeIn(tree, path));
      continue;
    }
    unlinkSync(placeIn(tree, path));
    linkSync(known, placeIn(tree, path));
  }
}

function applyTo(path: Buffer, { type, uid, gid, mode, xattrs = {} }: Entry, time: Date): void {
  // First the owner: chown(2) takes setuid and capabilities away.
  if (ownsAll()) lchownSync(path, uid, gid);
  // Attributes of our own files are ours to set while we may write to them (xattr_permission in fs/xattr.c).
  if (type !== 'link') chmodSync(path, mode | 0o700);
  for (const [name, value] of Object.entries(xattrs)) native.lsetxattr(path, name, value);
  if (type !== 'link') chmodSync(path, mode);
  lutimesSync(path, time, time);
}

/** A byte string's file below a tree, '' for its root. */
export const placeIn = (tree: string, path: string): Buffer =>
  Buffer.concat([Buffer.from(path === '' ? tree : `${tree}/`), Buffer.from(path, 'latin1')]);

const invalid = (name: string, why: string): NanolinError =>
  new NanolinError(
    'image-invalid',
    `the tree in the image of ${name} is not its manifest's: ${why}`,
    'import it again',
  );
