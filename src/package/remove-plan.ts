import { NanolinError } from '../error/index.ts';
import { nearest } from '../formats/index.ts';
import { needsOf, reachable } from './install-order.ts';
import type { Candidate, Universe } from './universe.ts';

export interface RemovePlan<T> {
  readonly drop: readonly T[];
  /** On for another's sake, and needed by nothing any more; part of `drop` with `autoremove`. */
  readonly unneeded: readonly T[];
}

/** What removing comes to. Throws layer-missing, and `conflict` with the names where others need it and `cascade` was not said. */
export function planRemove<T extends Candidate>(
  names: readonly string[],
  { on, auto, universe }: { on: readonly T[]; auto: ReadonlySet<Candidate>; universe: Universe },
  { cascade = false, autoremove = false }: { cascade?: boolean; autoremove?: boolean },
): RemovePlan<T> {
  for (const name of names) if (on.every(one => one.name !== name)) throw unknown(name, on);
  const gone = new Set(on.filter(({ name }) => names.includes(name)));
  const broken = withoutNeeds(on, gone, universe);
  if (broken.length > 0 && !cascade)
    throw new NanolinError(
      'conflict',
      `${names.join(', ')} ${names.length > 1 ? 'are' : 'is'} needed by ${broken.map(({ name }) => name).join(', ')}`,
      'remove them as well with --cascade, or install what can take its place first',
    );
  for (const one of broken) gone.add(one);
  const left = on.filter(one => !gone.has(one));
  const used = reachable(
    left.filter(one => !auto.has(one)),
    needsOf(left, universe),
  );
  const unneeded = left.filter(one => !used.has(one));
  return { drop: autoremove ? [...gone, ...unneeded] : [...gone], unneeded };
}

/** Those whose needs nothing answers any more, and those who need them, nearest first. */
function withoutNeeds<T extends Candidate>(on: readonly T[], gone: ReadonlySet<T>, universe: Universe): T[] {
  const broken = new Set<T>();
  const isThere = new Set<Candidate>(on.filter(one => !gone.has(one)));
  // The base is no layer and goes nowhere.
  const answered = (candidate: Candidate) => candidate.source === 'the base' || isThere.has(candidate);
  const were = new Set<Candidate>(on);
  for (let before = -1; before < broken.size; ) {
    before = broken.size;
    for (const one of on) {
      if (!isThere.has(one)) continue;
      const lacks = one.requires.some(requirement => {
        const answers = requirement.flatMap(relation => universe.answers(relation));
        // What lacked it before is no worse off.
        return !answers.some(answered) && answers.some(candidate => were.has(candidate));
      });
      if (!lacks) continue;
      broken.add(one);
      isThere.delete(one);
    }
  }
  return [...broken];
}

function unknown(name: string, on: readonly Candidate[]): NanolinError {
  const close = nearest(
    name,
    on.map(one => one.name),
  );
  return new NanolinError(
    'layer-missing',
    `${name} is not installed`,
    close === null ? '`nanolin package list` shows what is' : `did you mean ${close}?`,
  );
}
