import { displaced } from './order.ts';
import { below, type Node, sameNode, type Tree } from './tree.ts';
import { type Found, type Settled, settle, settleRoot, type Union } from './union.ts';

/** `from` and `to` are indexes into the old and the next union's lowers: whose it was, whose it is. */
export interface PathChange {
  readonly path: string;
  readonly from: number | null;
  readonly to: number | null;
}

/** `layer` brings the path and `by` hides it, both indexes into the next union's lowers. */
export interface MaskedPath {
  readonly path: string;
  readonly layer: number;
  readonly by: number;
}

/** What replacing a stack does to a target, each list in the order of the paths' bytes; '' is the target itself. */
export interface PathChanges {
  readonly appear: readonly PathChange[];
  readonly vanish: readonly PathChange[];
  /** Type, content, owner, mode or attributes differ; of a directory, which has no content of its own, its owner, mode or attributes. */
  readonly change: readonly PathChange[];
  /** The same in all that a program can tell, now from another tree. Directories are not listed: they are shared. */
  readonly owner: readonly PathChange[];
  /** What a tree that was not in the old union brings and another one hides. */
  readonly masked: readonly MaskedPath[];
}

export type ChangeCounts = Readonly<Record<keyof PathChanges, number>>;

/**
 * The difference of two walks, without walking: only names held by a tree that is not in both unions, or not in the same
 * order, are looked at. Trees are told apart by identity, so what both unions share must be the same object.
 */
export function pathChanges(old: Union, next: Union): PathChanges {
  const changes = {
    appear: [] as PathChange[],
    vanish: [] as PathChange[],
    change: [] as PathChange[],
    owner: [] as PathChange[],
    masked: [] as MaskedPath[],
  };
  compare(old, next, {
    shown: (kind, path, from, to) => changes[kind].push({ path, from, to }),
    masked: (path, layer, by) => changes.masked.push({ path, layer, by }),
  });
  for (const list of Object.values(changes)) list.sort(byPath);
  return changes;
}

/** As pathChanges, but the lengths alone: nothing is kept. */
export function countChanges(old: Union, next: Union): ChangeCounts {
  const counts = { appear: 0, vanish: 0, change: 0, owner: 0, masked: 0 };
  compare(old, next, {
    shown: kind => {
      counts[kind]++;
    },
    masked: () => {
      counts.masked++;
    },
  });
  return counts;
}

interface Sink {
  shown(
    kind: Exclude<keyof PathChanges, 'masked'>,
    path: string,
    from: number | null,
    to: number | null,
  ): void;
  masked(path: string, layer: number, by: number): void;
}

/** A directory to look into: which trees merge there, before and after. */
interface Merged {
  readonly path: string;
  readonly before: readonly number[];
  readonly after: readonly number[];
}

function compare(old: Union, next: Union, sink: Sink): void {
  const known = new Set(old.lowers);
  const isNew = (index: number) => !known.has(next.lowers[index] as Tree);

  // No recursion: a hostile tree is 5,000 directories deep. Last in, first out keeps to the order of the manifests' lines.
  const open: Merged[] = [];
  look('', settleRoot(old), settleRoot(next));
  for (let dir = open.pop(); dir !== undefined; dir = open.pop()) {
    for (const name of candidates(old, next, dir)) {
      const path = below(dir.path, name);
      const after = settle(next, dir.after, path);
      look(path, settle(old, dir.before, path), after);
      for (const layer of dir.after.slice(after.shut))
        if (isNew(layer)) mask(next, path, layer, after.by, sink);
    }
  }

  function look(path: string, before: Settled, after: Settled): void {
    const kind = kindOf(before.top, after.top, sameTree(old, before.top, next, after.top));
    if (kind !== null) sink.shown(kind, path, before.top?.index ?? null, after.top?.index ?? null);
    if (before.dirs.length + after.dirs.length > 0)
      open.push({ path, before: before.dirs, after: after.dirs });
  }
}

function kindOf(
  from: Found | null,
  to: Found | null,
  same: boolean,
): Exclude<keyof PathChanges, 'masked'> | null {
  if (from === null) return to === null ? null : 'appear';
  if (to === null) return 'vanish';
  if (same) return null;
  if (!sameNode(from.node, to.node)) return 'change';
  return to.node.kind === 'dir' ? null : 'owner';
}

function sameTree(old: Union, from: Found | null, next: Union, to: Found | null): boolean {
  return from !== null && to !== null && old.lowers[from.index] === next.lowers[to.index];
}

/**
 * Names that may come to something else: a name that only trees in unchanged order hold meets the same trees in the same order
 * as before, and so the same end.
 */
function candidates(old: Union, next: Union, { path, before, after }: Merged): Iterable<string> {
  const trees = displaced(
    before.map(index => old.lowers[index] as Tree),
    after.map(index => next.lowers[index] as Tree),
  );
  const [first, ...more] = [...trees].map(tree => tree.children(path));
  return more.length === 0 ? (first ?? []) : new Set([first ?? [], ...more].flat());
}

/** All that `layer` holds at and below `path`. Whiteouts bring nothing, so nothing of them is masked. */
function mask(next: Union, path: string, layer: number, by: number, sink: Sink): void {
  const tree = next.lowers[layer] as Tree;
  const open = [path];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const node: Node | null = tree.entry(at);
    if (node === null || node.kind === 'whiteout') continue;
    sink.masked(at, layer, by);
    if (node.kind === 'dir') for (const name of tree.children(at)) open.push(below(at, name));
  }
}

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}
