import { copyUp } from './copy-up.ts';
import { check, EEXIST, ENODATA, EOPNOTSUPP, EPERM, fail, unless } from './errno.ts';
import {
  AT_REMOVEDIR,
  O_CREAT,
  O_EXCL,
  O_PATH,
  O_RDWR,
  O_TMPFILE,
  RENAME_EXCHANGE,
  S_IFCHR,
  S_IFDIR,
  S_IFMT,
  S_ISGID,
  S_ISUID,
} from './flags.ts';
import { hold, PASSED } from './handles.ts';
import { find, whiteoutSeen } from './lookup.ts';
import { IMPURE, OPAQUE, setMark } from './marks.ts';
import { union } from './native.ts';
import { fresh, type Node } from './node.ts';
import { GID, NODE, STAT_GID, STAT_MODE, STAT_UID, setSlot, shownInode, slot, UID, UMASK } from './slots.ts';
import type { Place, Tree } from './tree.ts';

type Build = (place: Place) => void;

/**
 * A new object under a name that nothing has, for the caller. In a directory without anything in the way it is made in its place; over a
 * whiteout it is made in the work directory and takes the whiteout's place in one rename.
 */
function make(tree: Tree, parent: Node, name: string, build: Build, isDirectory = false): void {
  if (find(tree, parent, name)) fail(EEXIST);
  const inTheWay = whiteoutSeen();
  copyUp(tree, parent);
  const place: Place = [tree.upper(parent), name];
  const finish = (at: Place) => {
    build(at);
    // Nothing below is to come back, now or over other layers.
    if (isDirectory && parent.lower >= 0) setMark(tree, at, OPAQUE, 'y');
  };
  if (inTheWay) inCradle(tree, parent, finish, made => takePlace(made, place, isDirectory));
  else undone(place, isDirectory, () => finish(place));
}

function create(tree: Tree, parent: Node, name: string, build: Build, isDirectory = false): Node {
  make(tree, parent, name, build, isDirectory);
  const node = tree.add(parent, name, fresh(isDirectory));
  union.plain(node.id);
  return node;
}

/** A directory with all that the parent hands down (group, default ACL): the file system does the inheriting. */
function inCradle(tree: Tree, parent: Node, build: Build, use: (made: Place) => void): void {
  const cradle = tree.temporary();
  const from: Place = [tree.upper(parent), ''];
  check(union.stat(...from, 0));
  check(union.mkdir(...cradle, 0o700));
  let fd = -1;
  try {
    // An ordinary user gives nothing to a group that is not his.
    unless(union.chown(...cradle, slot(STAT_UID), slot(STAT_GID)), ...(tree.squash ? [EPERM] : []));
    check(union.chmod(...cradle, slot(STAT_MODE) & 0o7777));
    const acl = unless(union.getxattr(...from, 'system.posix_acl_default'), ENODATA, EOPNOTSUPP);
    if (typeof acl === 'string') check(union.setxattr(...cradle, 'system.posix_acl_default', acl, 0));
    fd = check(union.open(...cradle, O_PATH, 0));
    const made: Place = [fd, 'new'];
    try {
      build(made);
      use(made);
    } finally {
      if (union.unlink(...made, 0) < 0) union.unlink(...made, AT_REMOVEDIR);
    }
  } finally {
    if (fd >= 0) union.close(fd);
    union.unlink(...cradle, AT_REMOVEDIR);
  }
}

/** A directory cannot be renamed over a whiteout: the two change places, and the whiteout goes with the cradle. */
function takePlace(made: Place, place: Place, isDirectory: boolean): void {
  check(union.rename(...made, ...place, isDirectory ? RENAME_EXCHANGE : 0));
}

function undone(place: Place, isDirectory: boolean, build: () => void): void {
  try {
    build();
  } catch (error) {
    union.unlink(...place, isDirectory ? AT_REMOVEDIR : 0);
    throw error;
  }
}

const own = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };

/** Owner and group of a new object; a setgid directory has given it its group already. Changing them drops setuid bits. */
function giveToCaller(tree: Tree, parent: Node, place: Place): void {
  // What the file system gives already.
  if (slot(UID) === own.uid && slot(GID) === own.gid) return;
  check(union.stat(tree.upper(parent), '', 0));
  const group = (slot(STAT_MODE) & S_ISGID) !== 0 ? 0xffffffff : slot(GID);
  check(union.stat(...place, 0));
  const mode = slot(STAT_MODE);
  if (slot(STAT_UID) === slot(UID) && (group === 0xffffffff || slot(STAT_GID) === group)) return;
  check(union.chown(...place, slot(UID), group));
  if ((mode & S_IFMT) !== S_IFDIR && (mode & (S_ISUID | S_ISGID)) !== 0)
    check(union.chmod(...place, mode & 0o7777));
}

/** The umask counts where the directory has no default ACL: the file system knows. */
function makeNode(tree: Tree, parent: Node, place: Place, mode: number, device: number): void {
  union.umask(slot(UMASK));
  check(union.mknod(...place, mode, device));
  giveToCaller(tree, parent, place);
}

export function mknod(tree: Tree, parent: Node, name: string, mode: number, device: number): Node {
  // It would be a whiteout.
  if ((mode & S_IFMT) === S_IFCHR && device === 0) fail(EPERM);
  return create(tree, parent, name, place => makeNode(tree, parent, place, mode, device));
}

export function mkdir(tree: Tree, parent: Node, name: string, mode: number): Node {
  const build = (place: Place) => {
    union.umask(slot(UMASK));
    check(union.mkdir(...place, mode & 0o1777));
    giveToCaller(tree, parent, place);
  };
  return create(tree, parent, name, build, true);
}

export function symlink(tree: Tree, parent: Node, name: string, target: string): Node {
  return create(tree, parent, name, place => {
    check(union.symlink(target, ...place));
    giveToCaller(tree, parent, place);
  });
}

/** Made and opened at once: the mode may forbid what the open is for. */
export function createFile(tree: Tree, parent: Node, name: string, mode: number, flags: number): Node {
  let fd = -1;
  const node = create(tree, parent, name, place => {
    union.umask(slot(UMASK));
    fd = check(union.open(...place, O_CREAT | O_EXCL | (flags & PASSED), mode & 0o7777));
    try {
      giveToCaller(tree, parent, place);
    } catch (error) {
      union.close(fd);
      throw error;
    }
  });
  hold(tree, node, fd, flags);
  return node;
}

/** O_TMPFILE: a file that `link` may name later. */
export function createTemporary(tree: Tree, parent: Node, mode: number, flags: number): Node {
  copyUp(tree, parent);
  union.umask(slot(UMASK));
  const fd = check(union.open(tree.upper(parent), '.', O_TMPFILE | O_RDWR, mode & 0o7777));
  try {
    giveToCaller(tree, parent, [fd, '']);
    const node = tree.add(parent, '', fresh(false));
    node.orphan = check(union.open(fd, '', O_PATH, 0));
    hold(tree, node, fd, flags);
    return node;
  } catch (error) {
    union.close(fd);
    throw error;
  }
}

export function link(tree: Tree, node: Node, parent: Node, name: string): Node {
  copyUp(tree, node);
  const source = tree.place(node);
  make(tree, parent, name, place => check(union.link(...source, ...place)));
  // The number that it shows is asked for there, too.
  if (node.inode !== null) setMark(tree, [tree.upper(parent), ''], IMPURE, 'y');
  tree.alias(node, parent, name);
  check(union.stat(...tree.place(node), 0));
  tree.linked.set(shownInode(), node);
  return node;
}

/** The reply names the node, and the kernel holds it once more. */
export function present(tree: Tree, node: Node): number {
  tree.show(node);
  node.lookups++;
  setSlot(NODE, node.id);
  return 0;
}
