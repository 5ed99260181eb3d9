import { check, ENODATA, ENOENT, EOPNOTSUPP, EROFS, fail } from './errno.ts';
import {
  O_CREAT,
  O_EXCL,
  O_PATH,
  O_RDONLY,
  O_RDWR,
  O_TMPFILE,
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
import { STAT_GID, STAT_MODE, STAT_NLINK, STAT_RDEV, STAT_UID, shownInode, slot } from './slots.ts';
import type { Place, Tree } from './tree.ts';
import { isPrivate } from './xattr-names.ts';

/**
 * Brings an object into the upper, before its first change: built in the work directory with all that it has, and moved in by one rename,
 * so that a crash leaves the old one. Parents come first. Without `data` the file is empty, for who truncates it next.
 */
export function copyUp(tree: Tree, node: Node, data = true): void {
  if (!tree.writable) fail(EROFS);
  if (tree.inUpper(node)) return;
  if (node.orphan >= 0) copyOrphan(tree, node, data);
  else copyNamed(tree, node, data);
}

function copyNamed(tree: Tree, node: Node, data: boolean): void {
  const parent = node.parent ?? fail(ENOENT);
  copyUp(tree, parent);
  const from = tree.place(node);
  const to: Place = [tree.upper(parent), node.name];
  tree.show(node);
  const shown = shownInode();
  // A lower file with several names: only this one is copied, so it becomes another file than the rest.
  const keepsInode = node.directory || slot(STAT_NLINK) < 2;
  const temporary = tree.temporary();
  try {
    build(tree, from, temporary, data);
    if (keepsInode && !node.directory) setMark(tree, temporary, INODE, shown.toString(16));
    check(union.stat(...from, 0));
    check(union.utimensSeen(...temporary));
    moveIn(tree, parent, temporary, to, keepsInode);
  } catch (error) {
    union.unlink(...temporary, node.directory ? 0x200 : 0);
    throw error;
  }
  node.inode = keepsInode ? shown : null;
  tree.closeDirectory(node);
  node.layers = node.directory ? [0, ...node.layers] : [0];
  if (node.directory) node.fds = node.layers.map(() => -1);
  reopen(tree, node);
}

/** The parent's times are not to show it. */
function moveIn(tree: Tree, parent: Node, temporary: Place, to: Place, impure: boolean): void {
  if (impure) setMark(tree, [tree.upper(parent), ''], IMPURE, 'y');
  check(union.stat(to[0], '', 0));
  check(union.rename(...temporary, ...to, 0));
  check(union.utimensSeen(to[0], '.'));
}

/** `stat` of the original was the last one. */
function build(tree: Tree, from: Place, to: Place, data: boolean): void {
  const mode = slot(STAT_MODE);
  const [uid, gid] = [slot(STAT_UID), slot(STAT_GID)];
  const type = mode & S_IFMT;
  union.umask(0);
  if (type === S_IFREG) {
    const fd = check(union.open(...to, O_CREAT | O_EXCL | O_WRONLY, 0o600));
    try {
      if (data) copyData(from, fd, tree.durable);
    } finally {
      union.close(fd);
    }
  } else if (type === S_IFDIR) check(union.mkdir(...to, 0o700));
  else if (type === S_IFLNK) check(union.symlink(String(check(union.readlink(...from))), ...to));
  else check(union.mknod(...to, mode, slot(STAT_RDEV)));
  check(union.chown(...to, uid, gid));
  copyAttributes(tree, from, to);
  if (type !== S_IFLNK) check(union.chmod(...to, mode & 0o7777));
}

function copyData(from: Place, to: number, durable: boolean): void {
  const source = openLower(from, O_RDONLY);
  try {
    check(union.copy(source, to));
    if (durable) check(union.fsync(to));
  } finally {
    union.close(source);
  }
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

/** A file that is open and has no name: its copy has none either. */
function copyOrphan(tree: Tree, node: Node, data: boolean): void {
  check(union.stat(node.orphan, '', 0));
  if ((slot(STAT_MODE) & S_IFMT) !== S_IFREG) fail(ENOENT);
  const [mode, uid, gid] = [slot(STAT_MODE) & 0o7777, slot(STAT_UID), slot(STAT_GID)];
  const copy = check(union.open(tree.work ?? -1, '.', O_TMPFILE | O_RDWR, 0o600));
  try {
    if (data) copyData([node.orphan, ''], copy, false);
    check(union.chown(copy, '', uid, gid));
    copyAttributes(tree, [node.orphan, ''], [copy, '']);
    check(union.chmod(copy, '', mode));
    const kept = check(union.open(copy, '', O_PATH, 0));
    union.close(node.orphan);
    node.orphan = kept;
  } finally {
    union.close(copy);
  }
  node.layers = [0];
  reopen(tree, node);
}
