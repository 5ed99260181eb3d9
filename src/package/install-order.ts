import type { Candidate, Universe } from './universe.ts';

/** Which of the chosen each of the chosen needs: all that answer, as it is not known on which one it relies. */
export function needsOf<T extends Candidate>(chosen: readonly T[], universe: Universe): Map<T, T[]> {
  const present = new Map<Candidate, T>(chosen.map(one => [one, one]));
  return new Map(
    chosen.map(one => [
      one,
      one.requires.flatMap(requirement =>
        requirement
          .flatMap(relation => universe.answers(relation))
          .flatMap(other => present.get(other) ?? [])
          .filter(other => other !== one),
      ),
    ]),
  );
}

/** What each needs comes before it, but for circles; else in the order given. Without recursion: chains are as long as they like. */
export function needsFirst<T extends Candidate>(
  chosen: readonly T[],
  needs: ReadonlyMap<T, readonly T[]>,
): T[] {
  const ordered = new Set<T>();
  const entered = new Set<T>();
  for (const root of chosen) {
    const open = [root];
    for (let one = open.at(-1); one !== undefined; one = open.at(-1)) {
      const next = entered.has(one) ? undefined : (needs.get(one) ?? []).filter(other => !entered.has(other));
      entered.add(one);
      if (next !== undefined && next.length > 0) open.push(...[...next].reverse());
      else {
        open.pop();
        ordered.add(one);
      }
    }
  }
  return [...ordered];
}

/** Everything that the roots need, they among it. */
export function reachable<T>(roots: readonly T[], needs: ReadonlyMap<T, readonly T[]>): Set<T> {
  const found = new Set(roots);
  for (const one of found) for (const other of needs.get(one) ?? []) found.add(other);
  return found;
}
