import { check, ENODATA, EOPNOTSUPP, unless } from './errno.ts';
import { union } from './native.ts';
import type { Node } from './node.ts';
import type { Place, Tree } from './tree.ts';

/**
 * The attributes by which overlayfs remembers (fs/overlayfs/overlayfs.h), with its own names and values, so that a tree moves between
 * the two. `nanolin.inode` is ours: the number that a copied file showed before. The kernel hides it and leaves it alone.
 */
export function readMark({ prefix }: Tree, [fd, name]: Place, mark: string): string | null {
  const value = unless(union.getxattr(fd, name, prefix + mark), ENODATA, EOPNOTSUPP);
  return typeof value === 'string' ? value : null;
}

export function setMark({ prefix }: Tree, [fd, name]: Place, mark: string, value: string): void {
  check(union.setxattr(fd, name, prefix + mark, value, 0));
}

/** `y` hides all that lies below a directory, `x` makes marked files in it whiteouts. */
export const OPAQUE = 'opaque';
export const WHITEOUT = 'whiteout';
/** On a directory of the upper that holds something with an inode number of its own. */
export const IMPURE = 'impure';
export const INODE = 'nanolin.inode';

/** Does the directory's part in the upper hold copies whose number has to be asked for? */
export const isImpure = (tree: Tree, node: Node): boolean =>
  readMark(tree, [tree.upper(node), ''], IMPURE) !== null;

export function readInode(tree: Tree, place: Place): bigint | null {
  const text = readMark(tree, place, INODE);
  return text !== null && /^[0-9a-f]{1,16}$/.test(text) ? BigInt(`0x${text}`) : null;
}
