import {
  aboutToGo,
  currentGeneration,
  type Generation,
  type Holder,
  holdersOf,
  type LeftOut,
  type OldView,
  ownRecord,
  planFor,
  type Step,
} from '../stack/index.ts';
import type { StackEdit } from './edit.ts';
import { compareGenerations, type TargetChanges } from './paths.ts';
import { refuseFatal } from './problem.ts';
import { applyOptions, type Session } from './session.ts';
import { shownBelow } from './shown.ts';
import { numbered, resolveNow, wantedBy, wantedByEdit } from './switch.ts';

export type PlanRequest = StackEdit | { readonly do: 'profile'; readonly name: string };

export interface PlannedChange {
  readonly generation: Generation;
  /** Empty when all is already so. */
  readonly steps: readonly Step[];
  readonly targets: readonly TargetChanges[];
  /** Processes that keep what they have open of the stacks that go. */
  readonly processes: readonly Holder[];
  /** Mount namespaces that will keep the old view. */
  readonly namespaces: readonly OldView[];
  readonly leftOut: readonly LeftOut[];
}

/** What the change would do, from facts and manifests; nothing is mounted and no lock is taken. */
export async function planChange(session: Session, request: PlanRequest): Promise<PlannedChange> {
  const { ctx } = session;
  const before = currentGeneration(ctx);
  const wanted =
    request.do === 'profile'
      ? await wantedByProfile(session, request.name)
      : await wantedByEdit(session, request);
  const generation = numbered(ctx, wanted, before.number);
  const plan = await planFor(ctx, generation, applyOptions(session, {}));
  const moved = (inside: boolean) =>
    ownRecord(ctx).mounts.filter(mount =>
      plan.moves.some(({ target, how }) => target === mount.target && (how === 'inside') === inside),
    );
  const going = aboutToGo(moved(false));
  const targets = compareGenerations(session, before, generation);
  const replaced = replacedIn(targets);
  return {
    generation,
    steps: plan.moves.length === 0 ? [] : plan.steps,
    targets,
    processes: [
      ...holdersOf(going.mounts),
      ...holdersOf(aboutToGo(moved(true)).mounts, (_, path) => replaced.has(path)),
    ],
    namespaces: going.namespaces,
    leftOut: wanted.leftOut,
  };
}

/** Paths that are another object, or none, once a union shows other layers. */
function replacedIn(targets: readonly TargetChanges[]): ReadonlySet<string> {
  return new Set(
    targets.flatMap(({ target, changes: { vanish, change } }) =>
      [...vanish, ...change].map(({ path }) => shownBelow(target, path)),
    ),
  );
}

async function wantedByProfile(session: Session, name: string) {
  const resolved = await resolveNow(session, name);
  refuseFatal(resolved.problems);
  return wantedBy(resolved, {});
}
