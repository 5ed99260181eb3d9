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

/** What a worker fetches for a copy; `file` is what the data goes to, null for what has none. */
export interface Fetch {
  readonly file: File | null;
  readonly task: number;
}

/** What a copy is made from. */
interface Original {
  /** A file of the work directory that has the data; null for what has none. */
  readonly file: Place | null;
  readonly attributes: () => Iterable<readonly [name: string, value: string]>;
  readonly target: () => string;
}

/**
 * Brings an object into the upper, before its first change: built in the work directory with all that it has, and moved in by one rename,
 * so that a crash leaves the old one. Parents come first. Without `data` the file is empty, for who truncates it next. Throws Later, with
 * nothing changed, while a worker reads.
 */
export function copyUp(tree: Tree, node: Node, data = true): void {
  if (!tree.writable) fail(EROFS);
  if (node.upper) return;
  const { parent } = node;
  if (node.orphan < 0) copyUp(tree, parent ?? fail(ENOENT));
  const original = originalOf(tree, node, data);
  const temporary = original.file ?? tree.temporary();
  try {
    if (node.orphan >= 0) copyOrphan(tree, node, original, temporary);
    else if (parent) copyNamed(tree, node, parent, original, temporary);
  } catch (error) {
    union.unlink(...temporary, node.directory ? AT_REMOVEDIR : 0);
    throw error;
  }
  node.upper = true;
  if (!node.directory) node.lower = -1;
  reopen(tree, node);
}

const isRegular = (): boolean => (slot(STAT_MODE) & S_IFMT) === S_IFREG;

function originalOf(tree: Tree, node: Node, data: boolean): Original {
  const place = tree.place(node);
  tree.show(node);
  const known = tree.fetches.get(node);
  if (known) return fetchedBy(tree, node, known);
  const slow = union.slowEntry(node.lower) > 0;
  const large = slot(STAT_SIZE) > AT_ONCE;
  const file = isRegular() ? emptyFile(tree) : null;
  if (slow || (file && data && large)) {
    const to = data ? (file?.fd ?? -1) : -1;
    const task = check(union.fetchLater(...place, to, Number(tree.durable), Number(slow)));
    tree.fetches.set(node, { file, task });
    throw new Later(task);
  }
  if (file) fill(file, data ? place : null, tree.durable);
  return {
    file: file?.place ?? null,
    attributes: () => attributesOf(place),
    target: () => String(check(union.readlink(...place))),
  };
}

function fetchedBy(tree: Tree, node: Node, { file, task }: Fetch): Original {
  const found = union.fetched(task);
  if (found === 1) throw new Later(task);
  tree.fetches.delete(node);
  if (file) union.close(file.fd);
  if (typeof found === 'number') {
    if (file) union.unlink(...file.place, 0);
    fail(-found);
  }
  const pairs = found.flatMap((name, at) => (at % 2 === 0 ? [[name, found[at + 1] ?? ''] as const] : []));
  return {
    file: file?.place ?? null,
    attributes: () => pairs.filter(([name]) => name !== ''),
    target: () => pairs.find(([name]) => name === '')?.[1] ?? fail(ENOENT),
  };
}

interface File {
  readonly fd: number;
  readonly place: Place;
}

/** Between two requests: what was fetched for one whose caller was killed, and is waited for by nobody. */
export function dropAbandoned(tree: Tree): void {
  for (const [node, { file, task }] of tree.fetches) {
    if (union.fetched(task) === 1) continue;
    tree.fetches.delete(node);
    if (!file) continue;
    union.close(file.fd);
    union.unlink(...file.place, 0);
  }
}

function emptyFile(tree: Tree): File {
  const place = tree.temporary();
  union.umask(0);
  return { place, fd: check(union.open(...place, O_CREAT | O_EXCL | O_WRONLY, 0o600)) };
}

function fill({ fd, place }: File, from: Place | null, durable: boolean): void {
  try {
    if (from) copyData(from, fd);
    if (from && durable) check(union.fsync(fd));
  } catch (error) {
    union.unlink(...place, 0);
    throw error;
  } finally {
    union.close(fd);
  }
}

function copyData(from: Place, to: number): void {
  const source = openLower(from, O_RDONLY);
  try {
    check(union.copy(source, to));
  } finally {
    union.close(source);
  }
}

function copyNamed(tree: Tree, node: Node, parent: Node, original: Original, temporary: Place): void {
  tree.show(node);
  const shown = shownInode();
  // A lower file with several names: only this one is copied, so it becomes another file than the rest.
  const keepsInode = node.directory || slot(STAT_NLINK) < 2;
  build(tree, original, temporary);
  if (keepsInode && !node.directory) setMark(tree, temporary, INODE, shown.toString(16));
  tree.show(node);
  check(union.utimensSeen(...temporary));
  moveIn(tree, parent, temporary, [tree.upper(parent), node.name], keepsInode);
  node.inode = keepsInode ? shown : null;
}

/** What is open and has no name: its copy has none either. */
function copyOrphan(tree: Tree, node: Node, original: Original, temporary: Place): void {
  tree.show(node);
  build(tree, original, temporary);
  const kept = check(union.open(...temporary, O_PATH, 0));
  check(union.unlink(...temporary, node.directory ? AT_REMOVEDIR : 0));
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
function build(tree: Tree, { attributes, target }: Original, to: Place): void {
  const mode = slot(STAT_MODE);
  const [uid, gid] = [slot(STAT_UID), slot(STAT_GID)];
  const type = mode & S_IFMT;
  union.umask(0);
  if (type === S_IFDIR) check(union.mkdir(...to, 0o700));
  else if (type === S_IFLNK) check(union.symlink(target(), ...to));
  else if (type !== S_IFREG) check(union.mknod(...to, mode, slot(STAT_RDEV)));
  check(union.chown(...to, uid, gid));
  for (const [name, value] of attributes()) {
    if (isPrivate(tree, name)) continue;
    // What the upper cannot hold is left out, as the kernel does (ovl_copy_xattr in copy_up.c).
    const result = union.setxattr(...to, name, value, 0);
    if (result !== -EOPNOTSUPP) check(result);
  }
  if (type !== S_IFLNK) check(union.chmod(...to, mode & 0o7777));
}

/** A layer without attributes has none. */
function* attributesOf(from: Place): Generator<readonly [string, string]> {
  const names = union.listxattr(...from);
  if (typeof names !== 'string') return;
  for (const name of names.split('\0').filter(Boolean)) {
    const value = union.getxattr(...from, name);
    if (typeof value === 'string') yield [name, value];
    else if (value !== -ENODATA && value !== -EOPNOTSUPP) check(value);
  }
}
