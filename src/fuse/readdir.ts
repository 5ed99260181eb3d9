import { compile } from './compile.ts';
import { check } from './errno.ts';
import { typeOfMode } from './flags.ts';
import { find } from './lookup.ts';
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
  /** In the table; -1 for what the upper has. */
  readonly lower: number;
  readonly type: number;
  readonly inode: bigint;
}

/** Reads a directory from its start; the entries stay with the open directory until it is read from there again. */
export function readdir(tree: Tree, node: Node, handle: number): number {
  const entries = new Map<string, Entry>([
    ['.', { lower: -1, type: DT_DIR, inode: inodeOf(tree, node) }],
    ['..', { lower: -1, type: DT_DIR, inode: inodeOf(tree, node.parent ?? node) }],
  ]);
  // One that was removed while it was open has nothing more to show.
  if (node.orphan < 0) for (const [name, entry] of merged(tree, node)) entries.set(name, entry);
  const inodes = new BigUint64Array(entries.size);
  const types = new Uint8Array(entries.size);
  const lowers = new Int32Array(entries.size);
  let at = 0;
  for (const { type, inode, lower } of entries.values()) {
    types[at] = type;
    lowers[at] = lower;
    inodes[at++] = inode;
  }
  return check(union.fill(handle, [...entries.keys()], types, inodes, lowers));
}

function inodeOf(tree: Tree, node: Node): bigint {
  tree.show(node);
  return shownInode();
}

/** Each visible name once, as the topmost layer has it. */
function merged(tree: Tree, node: Node): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  const hidden = new Set<string>();
  if (node.upper) readUpper(tree, node, entries, hidden);
  if (node.lower < 0 || union.gone(node.lower) > 0) return entries;
  if (union.compiled(node.lower) === 0) compile(node.lower);
  const { names, types, inodes, entries: lowers } = union.children(node.lower);
  for (const [at, name] of names.entries())
    if (!entries.has(name) && !hidden.has(name))
      entries.set(name, { lower: lowers[at] ?? -1, type: types[at] ?? DT_UNKNOWN, inode: inodes[at] ?? 0n });
  return entries;
}

function readUpper(tree: Tree, node: Node, entries: Map<string, Entry>, hidden: Set<string>): void {
  const fd = tree.upper(node);
  const { names, types, inodes } = check(union.list(fd, 0)) as Listed;
  const old = oldNumbers(tree, node);
  for (const [at, name] of names.entries()) {
    const type = knownType(tree, [fd, name], types[at] ?? DT_UNKNOWN, node.marked);
    if (type === null) hidden.add(name);
    else entries.set(name, { lower: -1, type, inode: old(name, type) ?? inodes[at] ?? 0n });
  }
}

/** Its type; null for a whiteout. Most entries are told by their type alone. */
function knownType(tree: Tree, place: Place, type: number, marked: boolean): number | null {
  if (type !== DT_UNKNOWN && type !== DT_CHR && !(marked && type === DT_REG)) return type;
  check(union.stat(...place, 0));
  return isWhiteout(tree, place, marked) ? null : typeOfMode(slot(STAT_MODE));
}

/** d_ino is to be st_ino, also for copies that show the number from before: the directory's mark says whether it has any. */
function oldNumbers(tree: Tree, node: Node): (name: string, type: number) => bigint | null {
  const impure = isImpure(tree, node);
  const place = (name: string): Place => [tree.upper(node), name];
  return (name, type) => {
    if (type === DT_DIR) return node.lower >= 0 ? (find(tree, node, name)?.inode ?? null) : null;
    return impure ? readInode(tree, place(name)) : null;
  };
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
