import { check, ENODATA, ENOENT, EOPNOTSUPP, EROFS, fail, Later } from './errno.ts';
import {
  AT_REMOVEDIR,
  O_CREAT,
  O_EXCL,
  O_PATH,
  O_RDONLY,
  O_WRONLY,
  S_IFDIR,
  S_IFLNK,
  S_IFMT,
  S_IFREG,
} from './flags.ts';
import { reopen } from './handles.ts';
import { IMPURE, INODE, setMark } from './marks.ts';
import { union } from './native.ts';
import type { Node } from './node.ts';
import { openLower } from './open-lower.ts';
import {
  STAT_GID,
  STAT_MODE,
  STAT_NLINK,
  STAT_RDEV,
  STAT_SIZE,
  STAT_UID,
  shownInode,
  slot,
} from './slots.ts';
import type { Place, Tree } from './tree.ts';
import { isPrivate } from './xattr-names.ts';

/** Bytes. What is larger, and what a layer may not give at once, is copied by a worker while other requests get their answers. */
const AT_ONCE = 1 << 20;

/** A regular file's data on its way into the work directory. */
export interface Copy {
  readonly fd: number;
  readonly place: Place;
  readonly task: number;
}

/**
 * Brings an object into the upper, before its first change: built in the work directory with all that it has, and moved in by one rename,
 * so that a crash leaves the old one. Parents come first. Without `data` the file is empty, for who truncates it next. Throws Later, with
 * nothing changed, while a worker copies.
 */
export function copyUp(tree: Tree, node: Node, data = true): void {
  if (!tree.writable) fail(EROFS);
  if (node.upper) return;
  const { parent } = node;
  if (node.orphan < 0) copyUp(tree, parent ?? fail(ENOENT));
  const from = tree.place(node);
  tree.show(node);
  const temporary = node.directory || !isRegular() ? tree.temporary() : file(tree, node, from, data);
  try {
    if (node.orphan >= 0) copyOrphan(tree, node, from, temporary);
    else if (parent) copyNamed(tree, node, parent, from, temporary);
  } catch (error) {
    union.unlink(...temporary, node.directory ? AT_REMOVEDIR : 0);
    throw error;
  }
  node.upper = true;
  if (!node.directory) node.lower = -1;
  reopen(tree, node);
}

const isRegular = (): boolean => (slot(STAT_MODE) & S_IFMT) === S_IFREG;

/** A file of the work directory that has the data. */
function file(tree: Tree, node: Node, from: Place, data: boolean): Place {
  const copy = tree.copies.get(node);
  if (copy) {
    const result = union.copied(copy.task);
    if (result > 0) throw new Later(copy.task);
    tree.copies.delete(node);
    union.close(copy.fd);
    if (result < 0) union.unlink(...copy.place, 0);
    check(result);
    return copy.place;
  }
  const slow = union.slowEntry(node.lower) > 0;
  const large = slot(STAT_SIZE) > AT_ONCE || slow;
  const place = tree.temporary();
  union.umask(0);
  const fd = check(union.open(...place, O_CREAT | O_EXCL | O_WRONLY, 0o600));
  try {
    if (!data) return place;
    const source = openLower(from, O_RDONLY);
    if (large) {
      const task = check(union.copyLater(source, fd, Number(tree.durable), Number(slow)));
      tree.copies.set(node, { fd, place, task });
      throw new Later(task);
    }
    const result = union.copy(source, fd);
    union.close(source);
    check(result);
    if (tree.durable) check(union.fsync(fd));
    return place;
  } catch (error) {
    if (!(error instanceof Later)) union.unlink(...place, 0);
    throw error;
  } finally {
    if (!tree.copies.has(node)) union.close(fd);
  }
}

function copyNamed(tree: Tree, node: Node, parent: Node, from: Place, temporary: Place): void {
  tree.show(node);
  const shown = shownInode();
  // A lower file with several names: only this one is copied, so it becomes another file than the rest.
  const keepsInode = node.directory || slot(STAT_NLINK) < 2;
  build(tree, from, temporary);
  if (keepsInode && !node.directory) setMark(tree, temporary, INODE, shown.toString(16));
  tree.show(node);
  check(union.utimensSeen(...temporary));
  moveIn(tree, parent, temporary, [tree.upper(parent), node.name], keepsInode);
  node.inode = keepsInode ? shown : null;
}

/** A file that is open and has no name: its copy has none either. */
function copyOrphan(tree: Tree, node: Node, from: Place, temporary: Place): void {
  tree.show(node);
  if (!isRegular()) fail(ENOENT);
  build(tree, from, temporary);
  const kept = check(union.open(...temporary, O_PATH, 0));
  check(union.unlink(...temporary, 0));
  union.close(node.orphan);
  node.orphan = kept;
}

/** The parent's times are not to show it. */
function moveIn(tree: Tree, parent: Node, temporary: Place, to: Place, impure: boolean): void {
  if (impure) setMark(tree, [tree.upper(parent), ''], IMPURE, 'y');
  check(union.stat(to[0], '', 0));
  check(union.rename(...temporary, ...to, 0));
  check(union.utimensSeen(to[0], '.'));
}

/** `show` of the original was the last one. */
function build(tree: Tree, from: Place, to: Place): void {
  const mode = slot(STAT_MODE);
  const [uid, gid] = [slot(STAT_UID), slot(STAT_GID)];
  const type = mode & S_IFMT;
  union.umask(0);
  if (type === S_IFDIR) check(union.mkdir(...to, 0o700));
  else if (type === S_IFLNK) check(union.symlink(String(check(union.readlink(...from))), ...to));
  else if (type !== S_IFREG) check(union.mknod(...to, mode, slot(STAT_RDEV)));
  check(union.chown(...to, uid, gid));
  copyAttributes(tree, from, to);
  if (type !== S_IFLNK) check(union.chmod(...to, mode & 0o7777));
}

/** A layer without attributes has none. What the upper cannot hold is left out, as the kernel does (ovl_copy_xattr in copy_up.c). */
function copyAttributes(tree: Tree, from: Place, to: Place): void {
  const names = union.listxattr(...from);
  if (typeof names !== 'string') return;
  for (const name of names.split('\0').filter(Boolean)) {
    if (isPrivate(tree, name)) continue;
    const value = union.getxattr(...from, name);
    if (typeof value !== 'string') {
      if (value !== -ENODATA && value !== -EOPNOTSUPP) check(value);
      continue;
    }
    const result = union.setxattr(...to, name, value, 0);
    if (result !== -EOPNOTSUPP) check(result);
  }
}
