import { below, type Node, type Tree } from './tree.ts';

/** What one target shows: its trees topmost first, an upper being simply the first and the base the last. */
export interface Union {
  readonly lowers: readonly Tree[];
}

export interface Found {
  /** Index into the union's lowers. */
  readonly index: number;
  readonly node: Node;
}

/** What a name in a merged directory comes to. */
export interface Settled {
  /** Null where nothing shows. A merged directory's node is the topmost's: its attributes count alone (UNION.md 3). */
  readonly top: Found | null;
  /** The trees whose directories merge under this name, topmost first; empty unless it is a directory. */
  readonly dirs: readonly number[];
  /** Place in the asked stack from which nothing shows any more, and the tree that hides it (-1: none does). */
  readonly shut: number;
  readonly by: number;
}

/** One holder of a path. `by` is the tree that hides it. */
export interface Link extends Found {
  readonly role: 'wins' | 'merges' | 'hides' | 'shadowed';
  readonly by: number | null;
}

/**
 * The trees that take part in the root. Opaque marks on a layer's own root are not looked at by the kernel: it has no look-up
 * for it (ovl_get_root in fs/overlayfs/super.c). A tree without a directory there adds nothing to the target.
 */
export function roots(union: Union): number[] {
  const stack: number[] = [];
  for (const [index, tree] of union.lowers.entries()) if (tree.entry('')?.kind === 'dir') stack.push(index);
  return stack;
}

export function settleRoot(union: Union): Settled {
  const dirs = roots(union);
  const index = dirs[0];
  const node = index === undefined ? null : (union.lowers[index]?.entry('') ?? null);
  return {
    top: index === undefined || node === null ? null : { index, node },
    dirs,
    shut: dirs.length,
    by: -1,
  };
}

/**
 * UNION.md 1, 2, 9 to 12 for one name: `stack` are the trees whose directories merge in the name's parent, topmost first. As
 * ovl_lookup() in fs/overlayfs/namei.c: a whiteout, a non-directory or an opaque directory ends the descent in any layer.
 */
export function settle(union: Union, stack: readonly number[], path: string): Settled {
  const dirs: number[] = [];
  let top: Found | null = null;
  for (const [at, index] of stack.entries()) {
    const node = union.lowers[index]?.entry(path);
    if (!node) continue;
    if (node.kind === 'whiteout') return { top, dirs, shut: at + 1, by: index };
    if (node.kind !== 'dir') {
      if (top === null) return { top: { index, node }, dirs, shut: at + 1, by: index };
      return { top, dirs, shut: at, by: top.index };
    }
    top ??= { index, node };
    dirs.push(index);
    if (at + 1 < stack.length && node.opaque) return { top, dirs, shut: at + 1, by: index };
  }
  return { top, dirs, shut: stack.length, by: -1 };
}

/** Who shows at `path`, or null. Symlinks on the way are not followed: a path through one names nothing. */
export function resolve(union: Union, path: string): Found | null {
  let settled = settleRoot(union);
  for (const prefix of prefixes(path)) {
    if (settled.dirs.length === 0) return null;
    settled = settle(union, settled.dirs, prefix);
  }
  return settled.top;
}

/** Every tree that holds `path`, topmost first: who wins, whose directories merge, who hides the name, who is hidden by whom. */
export function resolveChain(union: Union, path: string): Link[] {
  let settled = settleRoot(union);
  let showing: readonly number[] = settled.dirs;
  let hidden = new Map<number, number>();
  for (const prefix of prefixes(path)) {
    settled = settle(union, showing, prefix);
    for (const index of showing.slice(settled.shut)) hidden.set(index, settled.by);
    if (prefix === path) {
      const left = showing.slice(0, settled.shut).map(index => link(union, path, index, settled, null));
      const gone = [...hidden].map(([index, by]) => link(union, path, index, settled, by));
      return [...left, ...gone].filter(one => one !== null).sort((a, b) => a.index - b.index);
    }
    showing = settled.dirs;
    hidden = new Map([...hidden].filter(([index]) => union.lowers[index]?.entry(prefix)?.kind === 'dir'));
  }
  return showing.map(index => link(union, '', index, settled, null)).filter(one => one !== null);
}

function link(union: Union, path: string, index: number, settled: Settled, by: number | null): Link | null {
  const node = union.lowers[index]?.entry(path);
  if (!node) return null;
  if (by !== null) return { index, node, role: 'shadowed', by };
  if (index === settled.top?.index) return { index, node, role: 'wins', by };
  return { index, node, role: node.kind === 'dir' ? 'merges' : 'hides', by };
}

/** `a/b/c` gives `a`, `a/b`, `a/b/c`; '' gives nothing. */
function* prefixes(path: string): Generator<string> {
  let prefix = '';
  for (const name of path === '' ? [] : path.split('/')) {
    prefix = below(prefix, name);
    yield prefix;
  }
}
