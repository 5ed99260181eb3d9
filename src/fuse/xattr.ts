import { copyUp } from './copy-up.ts';
import { check, EEXIST, ENODATA, EOPNOTSUPP, EROFS, fail } from './errno.ts';
import { S_ISGID } from './flags.ts';
import { union } from './native.ts';
import type { Node } from './node.ts';
import { STAT_MODE, slot, UID } from './slots.ts';
import type { Place, Tree } from './tree.ts';
import { shownName, stored } from './xattr-names.ts';

const XATTR_CREATE = 1;
const XATTR_REPLACE = 2;
const ACL_KILL_SGID = 1;

/** Of a node of ours, or of what the table answers for: to look does not make it ours. */
function placeOf(tree: Tree, id: number): { place: Place; upper: boolean } {
  const entry = tree.entryOf(id);
  if (entry >= 0) return { place: tree.entryPlace(entry), upper: false };
  const node = tree.node(id);
  return { place: tree.place(node), upper: node.upper };
}

/** A layer that has no attributes, or not of this kind, has none: squashfs answers its ACL calls with EOPNOTSUPP. */
export function getxattr(tree: Tree, id: number, name: string): string {
  const { place, upper } = placeOf(tree, id);
  const value = union.getxattr(...place, stored(tree, name));
  return value === -EOPNOTSUPP && !upper ? fail(ENODATA) : String(check(value));
}

/** trusted.* is for the privileged alone (ovl_can_list in fs/overlayfs/xattrs.c). */
export function listxattr(tree: Tree, id: number): string {
  const names = union.listxattr(...placeOf(tree, id).place);
  if (names === -EOPNOTSUPP) return '';
  return String(check(names))
    .split('\0')
    .filter(Boolean)
    .flatMap(name => shownName(tree, name) ?? [])
    .filter(name => slot(UID) === 0 || !name.startsWith('trusted.'))
    .map(name => `${name}\0`)
    .join('');
}

export function setxattr(
  tree: Tree,
  node: Node,
  name: string,
  value: string,
  flags: number,
  aclFlags: number,
): number {
  if (!tree.writable) fail(EROFS);
  const there = stored(tree, name);
  // Said before anything is copied up.
  if ((flags & (XATTR_CREATE | XATTR_REPLACE)) !== 0) {
    const has = typeof union.getxattr(...tree.place(node), there) === 'string';
    if (has && (flags & XATTR_CREATE) !== 0) fail(EEXIST);
    if (!has && (flags & XATTR_REPLACE) !== 0) fail(ENODATA);
  }
  copyUp(tree, node);
  const place = tree.place(node);
  check(union.setxattr(...place, there, value, flags));
  if ((aclFlags & ACL_KILL_SGID) !== 0) {
    check(union.stat(...place, 0));
    check(union.chmod(...place, slot(STAT_MODE) & 0o7777 & ~S_ISGID));
  }
  return 0;
}

export function removexattr(tree: Tree, node: Node, name: string): number {
  if (!tree.writable) fail(EROFS);
  const there = stored(tree, name);
  const old = union.getxattr(...tree.place(node), there);
  if (old === -EOPNOTSUPP && !node.upper) fail(ENODATA);
  check(old);
  copyUp(tree, node);
  return check(union.removexattr(...tree.place(node), there));
}
