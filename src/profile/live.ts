import { type Layer, listLayers } from '../layer/index.ts';
import type { LayerTree, OwnedUnion, Tree } from '../ownership/index.ts';
import type { Generation } from '../stack/index.ts';
import type { Session } from './session.ts';
import { bytesOf } from './shown.ts';
import { standingStacks } from './status.ts';
import { stackedLayers, TargetUnions } from './unions.ts';

/** A target that has a stack at this moment. */
export interface LiveTarget {
  /** As bytes, like all paths that are looked up. */
  readonly path: string;
  readonly from: string;
  readonly union: OwnedUnion;
}

/** The stacks that are mounted, until it is disposed. */
export class LiveStacks implements Disposable {
  readonly generation: Generation;
  readonly targets: readonly LiveTarget[];
  readonly #open: TargetUnions[] = [];

  constructor(session: Session) {
    const { generation, mounted } = standingStacks(session.ctx);
    this.generation = generation;
    try {
      this.targets = generation.targets
        .filter(({ path }) => mounted.get(path) !== null)
        .map(({ path, from }) => {
          const unions = new TargetUnions(session, path);
          this.#open.push(unions);
          return { path: bytesOf(path), from, union: unions.union(generation) };
        });
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    for (const unions of this.#open.splice(0)) unions[Symbol.dispose]();
  }
}

/** Layers of the store that are in no stack, each with what it holds below `from`; one whose manifest is lost is passed over. */
export async function layersOff(
  session: Session,
  generation: Generation,
  from: string,
): Promise<LayerTree[]> {
  const on = new Set(stackedLayers(generation).map(({ image }) => image));
  return (await listLayers(session.ctx)).flatMap(layer => {
    const tree = on.has(layer.image) ? null : treeOrNull(session, layer, from);
    return tree === null ? [] : [{ layer, tree }];
  });
}

function treeOrNull({ trees }: Session, layer: Layer, from: string): Tree | null {
  try {
    const tree = trees.tree(layer, from);
    return tree.entry('')?.kind === 'dir' ? tree : null;
  } catch {
    return null;
  }
}
