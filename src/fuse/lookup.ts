import { check, ENAMETOOLONG, ENOENT, fail, unless } from './errno.ts';
import { S_IFDIR, S_IFMT } from './flags.ts';
import { IMPURE, OPAQUE, readInode, readMark } from './marks.ts';
import { union } from './native.ts';
import type { Found, Node } from './node.ts';
import { STAT_MODE, STAT_NLINK, shownInode, slot } from './slots.ts';
import type { Place, Tree } from './tree.ts';
import { isWhiteout } from './whiteout.ts';

const NAME_MAX = 255;

/**
 * What a name stands for: the upper where it has the name, else the lowers as the table has merged them; a directory of the upper merges
 * with theirs unless it is opaque. `below` leaves out the upper. Null: there is no such name.
 */
export function find(tree: Tree, parent: Node, name: string, below = false): Found | null {
  if (name.length > NAME_MAX) fail(ENAMETOOLONG);
  whiteout = false;
  if (parent.upper && !below) {
    const place: Place = [tree.upper(parent), name];
    // ENAMETOOLONG: the upper's file system has shorter names, so it has none like this.
    if (unless(union.stat(...place, 0), ENOENT, ENAMETOOLONG) !== null) {
      whiteout = isWhiteout(tree, place, parent.marked);
      if (whiteout) return null;
      return (slot(STAT_MODE) & S_IFMT) === S_IFDIR
        ? upperDirectory(tree, parent, name, place)
        : {
            directory: false,
            upper: true,
            lower: -1,
            marked: false,
            inode: inodeOfFile(tree, parent, place),
          };
    }
  }
  const lower = tree.lowerChild(parent, name);
  if (lower < 0) return null;
  check(union.facts(lower));
  return {
    directory: (slot(STAT_MODE) & S_IFMT) === S_IFDIR,
    upper: false,
    lower,
    marked: false,
    inode: null,
  };
}

let whiteout = false;

/** Was it a whiteout in the upper that the last `find` met? */
export const whiteoutSeen = (): boolean => whiteout;

/** A directory that merges shows the number of the topmost one below it, as before it was copied. */
function upperDirectory(tree: Tree, parent: Node, name: string, place: Place): Found {
  const opaque = readMark(tree, place, OPAQUE);
  const below = opaque === 'y' ? null : find(tree, parent, name, true);
  const merged = below?.directory ? below.lower : -1;
  return {
    directory: true,
    upper: true,
    lower: merged,
    marked: opaque === 'x',
    inode: merged >= 0 ? shownInode() : null,
  };
}

function inodeOfFile(tree: Tree, parent: Node, place: Place): bigint | null {
  return readMark(tree, [tree.upper(parent), ''], IMPURE) === null ? null : readInode(tree, place);
}

/** The answer to a look-up: a node of ours, or the entry of the table that shows the name; null when there is none. */
export function lookup(tree: Tree, parent: Node, name: string): Node | number | null {
  const known = parent.children?.get(name);
  if (known) return known;
  const found = find(tree, parent, name);
  if (!found) return null;
  return found.upper ? adopt(tree, parent, name, found) : found.lower;
}

/** The node for what `find` or a creation gave. Names of one object in the upper share theirs. */
export function adopt(tree: Tree, parent: Node, name: string, found: Found): Node {
  if (found.directory || !found.upper) return tree.add(parent, name, found);
  check(union.stat(tree.upper(parent), name, 0));
  if (slot(STAT_NLINK) < 2) return tree.add(parent, name, found);
  const inode = shownInode();
  const linked = tree.linked.get(inode);
  if (linked) {
    tree.alias(linked, parent, name);
    return linked;
  }
  const node = tree.add(parent, name, found);
  tree.linked.set(inode, node);
  return node;
}
