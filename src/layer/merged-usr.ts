import { lstatSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmdirSync, unlinkSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { NanolinError } from '../error/index.ts';

/** Directories that are symlinks into usr/ on a merged-usr system (usrmerge's convert-usrmerge, Debian 12 and later). */
const moved = ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libo32', 'libx32'];

/**
 * Moves bin/, sbin/, lib*\/ of an unpacked Debian package into usr/: a layer that carried them would hide the base's symlinks, and with
 * them every program. Names that are both places' with different content throw image-invalid.
 */
export function mergeUsr(tree: string): void {
  for (const name of moved) {
    const from = join(tree, name);
    const stat = lstatSync(from, { throwIfNoEntry: false });
    if (!stat?.isDirectory()) continue;
    mkdirSync(join(tree, 'usr'), { recursive: true, mode: 0o755 });
    moveInto(tree, from, join(tree, 'usr', name));
  }
}

/** The path that a file of a package has after `mergeUsr`, without a leading slash. */
export function mergedPath(path: string): string {
  return moved.includes(path.split('/', 1)[0] ?? '') && path.includes('/') ? `usr/${path}` : path;
}

function moveInto(tree: string, from: string, to: string): void {
  const there = lstatSync(to, { throwIfNoEntry: false });
  if (!there) {
    renameSync(from, to);
    return;
  }
  const here = lstatSync(from);
  if (here.isDirectory() && there.isDirectory()) {
    for (const name of readdirSync(from)) moveInto(tree, join(from, name), join(to, name));
    rmdirSync(from);
    return;
  }
  // /bin/x beside /usr/bin/x is allowed to be a symlink to it, or the other way round: the file stays.
  if (here.isSymbolicLink() && pointsTo(tree, from, to)) unlinkSync(from);
  else if (there.isSymbolicLink() && pointsTo(tree, to, from)) renameSync(from, to);
  else
    throw new NanolinError(
      'image-invalid',
      `the package has two files that are one place on a merged-usr system: ${to.slice(tree.length)}`,
    );
}

function pointsTo(tree: string, link: string, file: string): boolean {
  const target = readlinkSync(link);
  return resolve(target.startsWith('/') ? join(tree, target) : join(dirname(link), target)) === file;
}
