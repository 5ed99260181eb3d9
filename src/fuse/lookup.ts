import { check, ENAMETOOLONG, ENOENT, fail, unless } from './errno.ts';
import { S_IFDIR, S_IFMT } from './flags.ts';
import { IMPURE, OPAQUE, readInode, readMark } from './marks.ts';
import { union } from './native.ts';
import { type Found, type Node, none } from './node.ts';
import { STAT_MODE, STAT_NLINK, shownInode, slot } from './slots.ts';
import type { Place, Tree } from './tree.ts';
import { isWhiteout } from './whiteout.ts';

const NAME_MAX = 255;

/**
 * What a name stands for: the topmost layer that has it decides, and directories go on through the layers below until something that is
 * no directory, a whiteout or an opaque directory ends it. `below` leaves out the upper. Null: there is no such name.
 */
export function find(tree: Tree, parent: Node, name: string, below = false): Found | null {
  if (name.length > NAME_MAX) fail(ENAMETOOLONG);
  const layers: number[] = [];
  const marked = new Set<number>();
  for (const layer of parent.layers) {
    if (below && layer === 0) continue;
    const place: Place = [tree.directory(parent, layer), name];
    // ENAMETOOLONG: this layer's file system has shorter names, so it has none like this.
    if (unless(union.stat(...place, systemOf(tree, layer)), ENOENT, ENAMETOOLONG) === null) continue;
    if (isWhiteout(tree, place, parent.marked.has(layer))) break;
    if ((slot(STAT_MODE) & S_IFMT) !== S_IFDIR)
      return layers.length > 0
        ? directory(tree, parent, name, layers, marked)
        : { directory: false, layers: [layer], marked: none, inode: inodeOfFile(tree, parent, layer, place) };
    layers.push(layer);
    const opaque = readMark(tree, place, OPAQUE);
    if (opaque === 'x') marked.add(layer);
    if (opaque === 'y') break;
  }
  return layers.length > 0 ? directory(tree, parent, name, layers, marked) : null;
}

export const systemOf = (tree: Tree, layer: number): number => tree.layers[layer]?.system ?? 0;

function inodeOfFile(tree: Tree, parent: Node, layer: number, place: Place): bigint | null {
  if (layer > 0 || !tree.writable) return null;
  return readMark(tree, [tree.upper(parent), ''], IMPURE) === null ? null : readInode(tree, place);
}

/** A copied directory shows the number of the topmost one below it, as before it was copied. */
function directory(
  tree: Tree,
  parent: Node,
  name: string,
  layers: number[],
  marked: ReadonlySet<number>,
): Found {
  const [top, next] = layers;
  let inode: bigint | null = null;
  if (tree.writable && top === 0 && next !== undefined) {
    check(union.stat(tree.directory(parent, next), name, systemOf(tree, next)));
    inode = shownInode();
  }
  return { directory: true, layers, marked: marked.size > 0 ? marked : none, inode };
}

/** The node of a name, made when the kernel has not asked for it before; null when there is none. */
export function lookup(tree: Tree, parent: Node, name: string): Node | null {
  const known = parent.children?.get(name);
  if (known) return known;
  const found = find(tree, parent, name);
  return found && adopt(tree, parent, name, found);
}

/** The node for what `find` or a creation gave. Names of one object in the upper share theirs. */
export function adopt(tree: Tree, parent: Node, name: string, found: Found): Node {
  if (found.directory || found.layers[0] !== 0 || !tree.writable) return tree.add(parent, name, found);
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
