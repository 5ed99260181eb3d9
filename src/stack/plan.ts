import { createHash } from 'node:crypto';
import type { TargetFact } from './facts.ts';
import { backendOf } from './mounted.ts';
import type { Backend } from './mounter.ts';
import type { MountRecord } from './record.ts';
import type { Generation, LayerRef, Stack, Target, Writers } from './types.ts';

/** Directories of a writable stack; the work directory is fresh for each generation (two live overlays cannot share one). */
export interface UpperPlace {
  readonly upper: string;
  readonly work: string;
}

/**
 * One thing to do. Up to `intend` nothing is visible and everything goes with the process; `swap` commits; what follows only goes
 * forward.
 */
export type Step =
  | { readonly do: 'attach'; readonly layer: LayerRef }
  | { readonly do: 'base'; readonly target: string; readonly covers: number }
  | {
      readonly do: 'assemble';
      readonly target: string;
      readonly lowers: readonly LayerRef[];
      readonly from: string;
      readonly base: boolean;
      readonly upper: UpperPlace | null;
      readonly nosuid: boolean;
      /** Nothing new is mounted: the union that is there already shows other layers. */
      readonly inside: boolean;
    }
  | { readonly do: 'writers'; readonly target: string; readonly policy: Writers }
  | {
      readonly do: 'carry';
      readonly target: string;
      readonly mountPoint: string;
      /** Mounts of ours over the base. */
      readonly covers: number;
    }
  | { readonly do: 'intend'; readonly generation: Generation }
  | { readonly do: 'swap'; readonly moves: readonly PlannedMove[] }
  | { readonly do: 'record'; readonly generation: number }
  | { readonly do: 'seal'; readonly target: string };

/**
 * `beneath`: the new stack goes under the one in use, which is then detached: no gap. `onto`: nothing of ours is there yet.
 * `after`: detach, then mount (no BENEATH): a gap. `off`: back to the bare base. `inside`: the mount stays, and shows other layers.
 */
export interface PlannedMove {
  readonly target: string;
  readonly how: 'beneath' | 'onto' | 'after' | 'off' | 'inside';
}

export interface SwitchPlan {
  readonly steps: readonly Step[];
  /** Targets whose mount is already what is wanted. */
  readonly kept: readonly MountRecord[];
  /** Empty when every target has what is wanted. */
  readonly moves: readonly PlannedMove[];
}

export interface Facts {
  /** By path, for every target that is wanted or covered. */
  readonly targets: ReadonlyMap<string, TargetFact>;
  /** Does the image hold the subtree as a directory? */
  readonly holds: (layer: LayerRef, from: string) => boolean;
  /** Where a writable stack on this target keeps its upper. */
  readonly upper: (target: string) => UpperPlace;
  readonly beneath: boolean;
  readonly writers: Writers;
  /** Who is to mount. */
  readonly backend: Backend;
  /** Is somebody behind a mount of ours? */
  readonly served: (record: MountRecord) => boolean;
}

/** Pure: facts and the wanted generation to steps. */
export function planSwitch(facts: Facts, wanted: Generation): SwitchPlan {
  const attached = new Map<string, LayerRef>();
  const assembly: Step[] = [];
  const moves: PlannedMove[] = [];
  const writable: string[] = [];
  const kept: MountRecord[] = [];
  /** One union and one upper: there is nothing that would have to stop writing. */
  const unsealed = new Set<string>();

  for (const target of wanted.targets) {
    const fact = factOf(facts, target.path);
    const lowers = wanted.layers.filter(layer => facts.holds(layer, target.from));
    const upper = wanted.writing === 'none' ? null : facts.upper(target.path);
    if (lowers.length === 0 && (upper === null || target.base === 'none')) continue;
    const key = stackKey(lowers, target, upper);
    const [top, ...buried] = fact.covers;
    const stays = top !== undefined && buried.length === 0 && isOfBackend(top, facts);
    if (stays && top.key === key) {
      kept.push(top);
      continue;
    }
    for (const layer of lowers) attached.set(layer.image, layer);
    const base = target.base === 'keep';
    const inside = stays && takesOther(top, upper, !base);
    if (base) assembly.push({ do: 'base', target: target.path, covers: fact.covers.length });
    assembly.push({
      do: 'assemble',
      target: target.path,
      lowers,
      from: target.from,
      base,
      upper,
      nosuid: !base,
      inside,
    });
    for (const mountPoint of fact.nested)
      assembly.push({ do: 'carry', target: target.path, mountPoint, covers: fact.covers.length });
    moves.push({
      target: target.path,
      how: inside ? 'inside' : top === undefined ? 'onto' : facts.beneath ? 'beneath' : 'after',
    });
    if (top?.upper) writable.push(target.path);
    if (inside) unsealed.add(target.path);
  }

  const staying = new Set([...moves.map(move => move.target), ...kept.map(record => record.target)]);
  for (const fact of facts.targets.values()) {
    if (fact.covers.length === 0 || staying.has(fact.path)) continue;
    moves.push({ target: fact.path, how: 'off' });
    for (const mountPoint of fact.nested)
      if (!fact.hidden.includes(mountPoint))
        assembly.push({ do: 'carry', target: fact.path, mountPoint, covers: fact.covers.length });
    if (fact.covers[0]?.upper) writable.push(fact.path);
  }
  if (moves.length === 0) return { kept, moves, steps: [{ do: 'record', generation: wanted.number }] };

  return {
    kept,
    moves,
    steps: [
      ...[...attached.values()].map(layer => ({ do: 'attach', layer }) as const),
      ...assembly,
      ...writable.map(target => ({ do: 'writers', target, policy: facts.writers }) as const),
      { do: 'intend', generation: wanted },
      { do: 'swap', moves },
      { do: 'record', generation: wanted.number },
      ...writable.filter(target => !unsealed.has(target)).map(target => ({ do: 'seal', target }) as const),
    ],
  };
}

function isOfBackend(top: MountRecord, { backend, served }: Facts): boolean {
  return backendOf(top) === backend && served(top);
}

/** A union in user space shows any other layers; its upper and what counts for its mount stay. */
function takesOther(top: MountRecord, upper: UpperPlace | null, nosuid: boolean): boolean {
  return top.server !== undefined && top.upper === (upper?.upper ?? null) && top.server.nosuid === nosuid;
}

/** Equal keys: the same images in the same order over the same base, with the same upper. */
export function stackKey(
  lowers: readonly LayerRef[],
  target: Pick<Target, 'base' | 'from'>,
  upper: UpperPlace | null,
): string {
  const parts = [target.base, target.from, upper?.upper ?? '', ...lowers.map(layer => layer.digest)];
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}

/** The same layers in the same order on the same targets. */
export function sameStack(a: Stack, b: Stack): boolean {
  const print = (stack: Stack) =>
    JSON.stringify([
      stack.writing,
      stack.layers.map(layer => [layer.image, layer.digest]),
      stack.targets.map(target => [target.path, target.base, target.from]).sort(),
    ]);
  return print(a) === print(b);
}

function factOf(facts: Facts, path: string): TargetFact {
  const fact = facts.targets.get(path);
  if (!fact) throw new Error(`no fact about the target ${path}`);
  return fact;
}
