import { check } from './errno.ts';
import { typeOfMode } from './flags.ts';
import { find, systemOf } from './lookup.ts';
import { isImpure, readInode } from './marks.ts';
import { type Listed, union } from './native.ts';
import { type Found, Node } from './node.ts';
import { STAT_MODE, shownInode, slot } from './slots.ts';
import type { Place, Tree } from './tree.ts';
import { isWhiteout } from './whiteout.ts';

const DT_UNKNOWN = 0;
const DT_CHR = 2;
const DT_DIR = 4;
const DT_REG = 8;

interface Entry {
  readonly layer: number;
  readonly type: number;
  readonly inode: bigint;
}

/** Reads a directory from its start; the entries stay with the open directory until it is read from there again. */
export function readdir(tree: Tree, node: Node, handle: number): number {
  const entries = new Map<string, Entry>([
    ['.', { layer: 0, type: DT_DIR, inode: inodeOf(tree, node) }],
    ['..', { layer: 0, type: DT_DIR, inode: inodeOf(tree, node.parent ?? node) }],
  ]);
  // One that was removed while it was open has nothing more to show.
  if (node.orphan < 0) for (const [name, entry] of merged(tree, node)) entries.set(name, entry);
  const inodes = new BigUint64Array(entries.size);
  const types = new Uint8Array(entries.size);
  let at = 0;
  for (const { type, inode } of entries.values()) {
    types[at] = type;
    inodes[at++] = inode;
  }
  return check(union.fill(handle, [...entries.keys()], types, inodes));
}

function inodeOf(tree: Tree, node: Node): bigint {
  tree.show(node);
  return shownInode();
}

/** Each visible name once, as the topmost layer has it. */
function merged(tree: Tree, node: Node): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const hidden = new Set<string>();
  for (const layer of node.layers) {
    const fd = tree.directory(node, layer);
    const { names, types, inodes } = check(union.list(fd, systemOf(tree, layer))) as Listed;
    const marked = node.marked.has(layer);
    for (const [at, name] of names.entries()) {
      if (entries.has(name) || hidden.has(name)) continue;
      const type = types[at] ?? DT_UNKNOWN;
      const known = knownType(tree, [fd, name], type, marked);
      if (known === null) hidden.add(name);
      else entries.set(name, { layer, type: known, inode: inodes[at] ?? 0n });
    }
  }
  if (tree.inUpper(node)) showOldNumbers(tree, node, entries);
  return entries;
}

/** Its type; null for a whiteout. Most entries are told by their type alone. */
function knownType(tree: Tree, place: Place, type: number, marked: boolean): number | null {
  if (type !== DT_UNKNOWN && type !== DT_CHR && !(marked && type === DT_REG)) return type;
  check(union.stat(...place, 0));
  return isWhiteout(tree, place, marked) ? null : typeOfMode(slot(STAT_MODE));
}

/** d_ino is to be st_ino, also for copies that show the number from before: the directory's mark says whether it has any. */
function showOldNumbers(tree: Tree, node: Node, entries: Map<string, Entry>): void {
  const impure = isImpure(tree, node);
  if (!impure && node.layers.length < 2) return;
  for (const [name, entry] of entries) {
    if (entry.layer > 0) break;
    const inode =
      entry.type === DT_DIR
        ? find(tree, node, name)?.inode
        : impure
          ? readInode(tree, [tree.upper(node), name])
          : null;
    if (inode) entries.set(name, { ...entry, inode });
  }
}

/** Is nothing visible in a directory? Of one that the kernel does not hold as well. */
export function isEmpty(tree: Tree, parent: Node, name: string, found: Found): boolean {
  const known = parent.children?.get(name);
  const node = known ?? new Node(0, parent, name, found);
  try {
    return merged(tree, node).size === 0;
  } finally {
    if (!known) tree.closeDirectory(node);
  }
}
