import { native, openBase } from '../kernel/index.ts';
import { liveTree, type PathChanges, pathChanges, type Tree, type Union } from '../ownership/index.ts';
import { type Generation, ownRecord, type Target, upperPlace } from '../stack/index.ts';
import type { Session } from './session.ts';

/** What happens to the paths of one target; the trees of the unions are named in `names`, by the changes' indexes. */
export interface TargetChanges {
  readonly target: string;
  readonly changes: PathChanges;
  readonly names: { readonly old: readonly string[]; readonly next: readonly string[] };
}

/** From manifests, the base and the upper alone; nothing of the wanted stack has to be mounted. */
export function compareGenerations(session: Session, before: Generation, after: Generation): TargetChanges[] {
  const { mounts } = ownRecord(session.ctx);
  const paths = new Set([...before.targets, ...after.targets].map(target => target.path));
  return [...paths].map(path => {
    const covers = mounts.filter(mount => mount.target === path).length;
    const base = openBase(path, covers);
    try {
      const trees = new SharedTrees(session, path, liveTree(`/proc/self/fd/${base}`, native));
      const old = trees.union(before);
      const next = trees.union(after);
      return { target: path, changes: pathChanges(old, next), names: { old: old.names, next: next.names } };
    } finally {
      native.close(base);
    }
  });
}

interface NamedUnion extends Union {
  readonly names: readonly string[];
}

/** The trees that two unions on one target have in common are the same objects. */
class SharedTrees {
  readonly #session: Session;
  readonly #path: string;
  readonly #base: Tree;
  readonly #uppers = new Map<string, Tree>();

  constructor(session: Session, path: string, base: Tree) {
    this.#session = session;
    this.#path = path;
    this.#base = base;
  }

  union(generation: Generation): NamedUnion {
    const target = generation.targets.find(({ path }) => path === this.#path);
    const base = { name: 'base', tree: this.#base };
    const stacked = target ? [...this.#upper(generation), ...this.#layers(generation, target)] : [];
    const all = stacked.length === 0 || target?.base === 'keep' ? [...stacked, base] : stacked;
    return { lowers: all.map(({ tree }) => tree), names: all.map(({ name }) => name) };
  }

  #layers(generation: Generation, target: Target): { name: string; tree: Tree }[] {
    const { trees } = this.#session;
    const leftOut = new Set(generation.leftOut.map(({ layer }) => layer));
    return generation.layers
      .filter(layer => !leftOut.has(layer.name) && trees.holds(layer, target.from))
      .map(layer => ({ name: layer.name, tree: trees.tree(layer, target.from) }));
  }

  #upper({ writing, profile }: Generation): { name: string; tree: Tree }[] {
    if (writing === 'none') return [];
    const { upper } = upperPlace(this.#session.ctx, writing, profile ?? 'none', this.#path, 0);
    const tree = this.#uppers.get(upper) ?? liveTree(upper, native);
    this.#uppers.set(upper, tree);
    return [{ name: 'upper', tree }];
  }
}
