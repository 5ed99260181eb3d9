import { native, readMountinfo } from '../kernel/index.ts';
import { liveTree, type OwnedUnion, type Tree } from '../ownership/index.ts';
import {
  baseOf,
  type Generation,
  isOurs,
  type LayerRef,
  ownRecord,
  type Target,
  upperPlace,
} from '../stack/index.ts';
import type { Session } from './session.ts';

/**
 * What one target shows under any generation: manifests, the upper as it is, and the bare base, whatever covers it now. Trees that two
 * of its unions share are the same objects. Disposing it closes the base.
 */
export class TargetUnions implements Disposable {
  readonly target: string;
  readonly #session: Session;
  readonly #descriptor: number;
  readonly #base: Tree;
  readonly #uppers = new Map<string, Tree>();

  constructor(session: Session, target: string) {
    this.target = target;
    this.#session = session;
    const mounts = readMountinfo();
    const covers = ownRecord(session.ctx).mounts.filter(
      own => own.target === target && mounts.some(mount => isOurs(mount, own)),
    );
    this.#descriptor = baseOf(target, covers.length, covers[0] ?? null);
    this.#base = liveTree(`/proc/self/fd/${this.#descriptor}`, native);
  }

  /** What the target shows once the generation is up, the upper first and the base last. */
  union(generation: Generation): OwnedUnion {
    const target = generation.targets.find(({ path }) => path === this.target);
    if (target === undefined) return this.bare();
    const layers = this.#layers(generation, target);
    const upper = this.#upper(generation);
    // As planSwitch: a stack of nothing but an upper over nothing is not mounted.
    if (layers.length === 0 && (upper.length === 0 || target.base === 'none')) return this.bare();
    return unionOf([...upper, ...layers, ...(target.base === 'keep' ? [this.#bottom()] : [])]);
  }

  /** What the target shows where no stack is on. */
  bare(): OwnedUnion {
    return unionOf([this.#bottom()]);
  }

  [Symbol.dispose](): void {
    native.close(this.#descriptor);
  }

  #bottom(): Part {
    return { origin: 'base', tree: this.#base };
  }

  #layers(generation: Generation, { from }: Target): Part[] {
    const { trees } = this.#session;
    return stackedLayers(generation)
      .filter(layer => trees.holds(layer, from))
      .map(layer => ({ origin: layer, tree: trees.tree(layer, from) }));
  }

  #upper({ writing, profile }: Generation): Part[] {
    if (writing === 'none') return [];
    const { upper } = upperPlace(this.#session.ctx, writing, profile ?? 'none', this.target, 0);
    const tree = this.#uppers.get(upper) ?? liveTree(upper, native);
    this.#uppers.set(upper, tree);
    return [{ origin: 'upper', tree }];
  }
}

/** The layers of a generation that are in its stacks, topmost first. */
export function stackedLayers({ layers, leftOut }: Generation): LayerRef[] {
  return layers.filter(layer => leftOut.every(out => out.layer !== layer.name));
}

interface Part {
  readonly origin: LayerRef | 'upper' | 'base';
  readonly tree: Tree;
}

function unionOf(parts: readonly Part[]): OwnedUnion {
  return { lowers: parts.map(({ tree }) => tree), origins: parts.map(({ origin }) => origin) };
}
