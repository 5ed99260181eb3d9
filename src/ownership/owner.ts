import type { LayerRef } from '../stack/types.ts';
import { sameNode, type Tree } from './tree.ts';
import { type Link, resolve, resolveChain, type Union } from './union.ts';

/** A union that knows whose its trees are, index by index. */
export interface OwnedUnion extends Union {
  readonly origins: readonly (LayerRef | 'upper' | 'base')[];
}

export interface LayerTree {
  readonly layer: LayerRef;
  readonly tree: Tree;
}

type Named = Pick<LayerRef, 'name' | 'version'>;

interface LayerName {
  readonly layer: string;
  readonly version: string;
}

/** The shape of `owner --json` (CLI.md). */
export interface Ownership {
  readonly path: string;
  /** Does the path show in the target? */
  readonly visible: boolean;
  /** The layer the path comes from when local changes are left out; null for the base and for nobody. */
  readonly owner: LayerName | null;
  /** Did a program of this machine add, change or remove it? */
  readonly local: boolean;
  /** Layers whose directory merges into the owner's. */
  readonly shared: readonly LayerName[];
  /** Layers that bring it and are hidden by another. */
  readonly shadowed: readonly LayerName[];
  /** Layers that would bring it and are not in the stack. */
  readonly off: readonly LayerName[];
}

/** Who owns `path`, relative to the target. `off` are layers at hand that are not in the stack. */
export function ownerOf(union: OwnedUnion, path: string, off: readonly LayerTree[] = []): Ownership {
  const still = withoutUpper(union);
  const chain = resolveChain(still, path).filter(link => link.node.kind !== 'whiteout');
  const named = (role: Link['role']) =>
    chain.filter(link => link.role === role).flatMap(({ index }) => nameAt(still, index));
  return {
    path,
    visible: resolve(union, path) !== null,
    owner: named('wins')[0] ?? null,
    local: isLocal(union, still, path),
    shared: named('merges'),
    shadowed: named('shadowed'),
    off: off.filter(({ tree }) => holds(tree, path)).map(({ layer }) => nameOf(layer)),
  };
}

function withoutUpper(union: OwnedUnion): OwnedUnion {
  if (union.origins[0] !== 'upper') return union;
  return { lowers: union.lowers.slice(1), origins: union.origins.slice(1) };
}

/** A directory that was only copied up, so that something below it could change, is no change itself. */
function isLocal(union: OwnedUnion, still: Union, path: string): boolean {
  if (union === still) return false;
  const now = resolve(union, path);
  const without = resolve(still, path);
  if (now === null || without === null) return now !== without;
  return now.index === 0 && !sameNode(now.node, without.node);
}

function holds(tree: Tree, path: string): boolean {
  return resolve({ lowers: [tree] }, path) !== null;
}

function nameAt(union: OwnedUnion, index: number): LayerName[] {
  const origin = union.origins[index];
  return origin === undefined || origin === 'upper' || origin === 'base' ? [] : [nameOf(origin)];
}

function nameOf({ name, version }: Named): LayerName {
  return { layer: name, version };
}
