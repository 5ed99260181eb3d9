import { type OwnedUnion, type PathChanges, pathChanges } from '../ownership/index.ts';
import type { Generation } from '../stack/index.ts';
import type { Session } from './session.ts';
import { TargetUnions } from './unions.ts';

/** What happens to the paths of one target; the indexes of the changes go into `old` and `next`. */
export interface TargetChanges {
  readonly target: string;
  readonly changes: PathChanges;
  readonly old: OwnedUnion['origins'];
  readonly next: OwnedUnion['origins'];
}

/** From manifests, the base and the upper alone; nothing of the wanted stack has to be mounted. */
export function compareGenerations(session: Session, before: Generation, after: Generation): TargetChanges[] {
  const paths = new Set([...before.targets, ...after.targets].map(target => target.path));
  return [...paths].map(target => {
    using unions = new TargetUnions(session, target);
    const old = unions.union(before);
    const next = unions.union(after);
    return { target, changes: pathChanges(old, next), old: old.origins, next: next.origins };
  });
}
