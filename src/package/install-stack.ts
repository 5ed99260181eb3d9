import type { LayerRef } from '../stack/index.ts';
import type { InstallPlan } from './install-plan.ts';
import type { Stored } from './install-records.ts';
import type { Candidate, Universe } from './universe.ts';

interface Placed {
  readonly candidate: Candidate;
  readonly ref: LayerRef;
}

/**
 * The stack after an install, topmost first: another version takes the place of the one before, what is new comes on top, what needs
 * above what it needs. What says REPLACE goes above the highest that it replaces.
 */
export function stackWith(
  on: readonly Stored[],
  { add, drop }: Pick<InstallPlan, 'add' | 'drop'>,
  universe: Universe,
  added: ReadonlyMap<Candidate, LayerRef>,
): Placed[] {
  const fresh = new Map(
    add.flatMap(candidate => {
      const layer = added.get(candidate);
      return layer ? [[candidate.name, { candidate, ref: refOf(layer) }] as const] : [];
    }),
  );
  const stack: Placed[] = on.flatMap(candidate => {
    const next = fresh.get(candidate.name);
    fresh.delete(candidate.name);
    return next ?? (drop.includes(candidate) ? [] : { candidate, ref: refOf(candidate.layer) });
  });
  stack.unshift(...[...fresh.values()].reverse());
  return raise(stack, add, universe);
}

function raise(stack: Placed[], add: readonly Candidate[], universe: Universe): Placed[] {
  for (const candidate of add) {
    if (candidate.replaces.length === 0) continue;
    const at = stack.findIndex(placed => placed.candidate === candidate);
    const above = stack.findIndex(
      ({ candidate: other }) => other.name !== candidate.name && universe.replaces(candidate, other.name),
    );
    if (above < 0 || above > at) continue;
    const [moved] = stack.splice(at, 1);
    if (moved) stack.splice(above, 0, moved);
  }
  return stack;
}

export function refOf({ name, version, stamp, digest, image }: LayerRef): LayerRef {
  return { name, version, stamp, digest, image };
}
