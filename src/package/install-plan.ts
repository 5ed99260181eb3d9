import { NanolinError } from '../error/index.ts';
import { nearest, printRelation, type Relation } from '../formats/index.ts';
import { needsFirst, needsOf, reachable } from './install-order.ts';
import { type Change, type Explanation, type Solution, solve } from './solve.ts';
import type { Root } from './solve-terms.ts';
import type { Candidate, Universe } from './universe.ts';

export interface Situation {
  readonly universe: Universe;
  /** Layers of the running stack. */
  readonly on: readonly Candidate[];
  /** Those of them that came only because another needed them. */
  readonly auto: ReadonlySet<Candidate>;
}

export interface InstallPlan {
  /** In the order in which they go onto the stack, what is needed before what needs it. */
  readonly add: readonly Candidate[];
  /** Replaced by another version, displaced, or in the way and needed by nobody. */
  readonly drop: readonly Candidate[];
  /** On, only ever there for another, and needed by nothing any more. */
  readonly unneeded: readonly Candidate[];
}

/** What installing comes to. Throws layer-missing for a name that nobody knows, `conflict` with the whole proof otherwise. */
export function planInstall(wants: readonly Relation[], situation: Situation): InstallPlan {
  const { universe, on, auto } = situation;
  for (const want of wants) refuseUnknown(universe, want);
  const asked = wants.map((relation): Root => ({ requirement: [relation], why: 'asked' }));
  const keep = (list: readonly Candidate[]) =>
    list.map(
      ({ name }): Root => ({ requirement: [{ kind: 'name', name, op: null, version: null }], why: 'kept' }),
    );
  const attempt = (kept: readonly Candidate[]) =>
    solve({
      // A newer version of what is on may be asked for; the name stays wanted all the same.
      roots: [...asked, ...keep(kept.filter(({ name }) => wants.every(want => want.name !== name)))],
      universe,
      installed: new Set(on),
      policy: { newest: new Set(wants.map(({ name }) => name)) },
    });
  let answer = attempt(on);
  // What only came along may go, where it is in the way.
  if (answer.kind !== 'solution' && auto.size > 0) answer = attempt(on.filter(one => !auto.has(one)));
  if (answer.kind !== 'solution') throw refusal(wants, answer);
  return planFrom(answer, situation);
}

function planFrom({ chosen }: Solution, { universe, on, auto }: Situation): InstallPlan {
  const present = new Set(on);
  const names = new Set(chosen.map(({ name }) => name));
  const fresh = chosen.filter(one => !present.has(one) && one.source !== 'the base');
  const displaced = new Set(chosen.flatMap(one => universe.displaced(one)));
  const inWay = on.filter(
    one => !names.has(one.name) && (displaced.has(one) || excludes(one, chosen, universe)),
  );
  const gone = new Set([...inWay, ...on.filter(one => fresh.some(other => other.name === one.name))]);
  const after = [...on.filter(one => !gone.has(one)), ...fresh];
  const needs = needsOf(after, universe);
  const used = reachable(
    after.filter(one => !auto.has(one)),
    needs,
  );
  return {
    add: needsFirst(fresh, needs).filter(one => fresh.includes(one)),
    drop: [...gone],
    unneeded: after.filter(one => auto.has(one) && !used.has(one)),
  };
}

function excludes(one: Candidate, chosen: readonly Candidate[], universe: Universe): boolean {
  const clash = (a: Candidate, b: Candidate) =>
    a.conflicts.some(relation => universe.answers(relation).includes(b)) || universe.displaced(a).includes(b);
  return chosen.some(other => clash(one, other) || clash(other, one));
}

function refuseUnknown(universe: Universe, want: Relation): void {
  if (universe.answers({ ...want, op: null, version: null }).length > 0) return;
  const [foreigner] = universe.foreigners(want);
  if (foreigner) return;
  const close = nearest(want.name, [...universe.names()]);
  throw new NanolinError(
    'layer-missing',
    `no package is called ${want.name}, and none provides it`,
    close === null ? 'give the directory that has it with --from' : `did you mean ${close}?`,
  );
}

function refusal(wants: readonly Relation[], { sentences, changes, kind }: Explanation): NanolinError {
  const names = wants.map(printRelation).join(', ');
  const hint = changes.map(advice).join('; or ');
  return new NanolinError(
    'conflict',
    `${names} cannot be installed: ${sentences.join('; ')}`,
    kind === 'exhausted'
      ? 'ask for less at a time, or for exact versions: NAME=1.2'
      : hint === ''
        ? undefined
        : hint,
  );
}

function advice(change: Change): string {
  if (change.do === 'consent')
    return `agree to ${change.candidate.name} from ${change.candidate.source} with --cross ${change.candidate.name}`;
  if (change.do === 'bring')
    return `give the directory that has ${printRelation(change.relation)} with --from`;
  const name = change.root.requirement.map(printRelation).join(' or ');
  return change.root.why === 'kept'
    ? `remove ${name} first: nanolin package remove ${name}`
    : `leave ${name} out`;
}
