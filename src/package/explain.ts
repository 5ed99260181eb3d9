import type { Relation } from '../formats/index.ts';
import { conclusion, fact, requirementText } from './explain-words.ts';
import type { Search } from './solve-search.ts';
import type { Incompatibility, Root } from './solve-terms.ts';
import type { Candidate, Universe } from './universe.ts';

/** Why there is no solution, or why none was looked for any longer. */
export interface Explanation {
  readonly kind: 'impossible' | 'exhausted';
  /** Sentences, in an order in which each follows from those before it. */
  readonly sentences: readonly string[];
  /** What would help; each `drop` was tried. Empty when nothing is known to. */
  readonly changes: readonly Change[];
  readonly steps: number;
}

export type Change =
  | { readonly do: 'drop'; readonly root: Root }
  | { readonly do: 'bring'; readonly relation: Relation; readonly have: readonly Candidate[] }
  | {
      readonly do: 'consent';
      readonly candidate: Candidate;
      readonly relation: Relation;
      readonly home: string;
    };

const mostRuns = 20;
const mostFacts = 12;
const mostTried = 8;
const mostChanges = 8;

/** The proof as sentences, and what to change. `worksWithout` tries all the roots but one. */
export function explainFailure(
  search: Search,
  universe: Universe,
  worksWithout: (root: Root) => boolean,
): Explanation {
  const proof = derivation(search.failure as Incompatibility);
  return {
    kind: 'impossible',
    sentences: tell(search, universe, proof),
    changes: changesFor(universe, proof, worksWithout),
    steps: search.steps,
  };
}

export function explainSurrender(search: Search): Explanation {
  const names = [...search.blamed]
    .sort(([, a], [, b]) => b - a)
    .flatMap(([at]) => {
      const slot = search.slots[at];
      return slot?.kind === 'package'
        ? slot.name
        : slot?.kind === 'choice'
          ? requirementText(slot.requirement)
          : [];
    })
    .slice(0, 6);
  const about = names.length === 0 ? '' : `; most of it went into ${names.join(', ')}`;
  return {
    kind: 'exhausted',
    sentences: [
      `no answer after ${search.steps} steps, neither packages that fit nor a proof that there are none${about}`,
    ],
    changes: [],
    steps: search.steps,
  };
}

/** A stretch of the proof in which each step takes one more fact to the one before: facts and earlier results to a result. */
interface Run {
  readonly result: Incompatibility;
  /** In the order in which the search came upon them: what was asked comes before what that needs. */
  readonly facts: readonly Incompatibility[];
  readonly uses: readonly Incompatibility[];
}

/** The proof from its leaves to its end. Everything that it is derived from is older, so the order is that of the numbers. */
function derivation(end: Incompatibility): Run[] {
  const users = countUses(end);
  const runs = new Map<Incompatibility, Run>();
  const open = [end];
  for (let result = open.pop(); result !== undefined; result = open.pop()) {
    if (runs.has(result)) continue;
    const run = follow(result, users);
    runs.set(result, run);
    open.push(...run.uses);
  }
  return [...runs.values()].sort((a, b) => a.result.id - b.result.id);
}

function countUses(end: Incompatibility): Map<Incompatibility, number> {
  const users = new Map<Incompatibility, number>();
  const open = [end];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    if (at.cause.why !== 'derived') continue;
    for (const from of at.cause.from) {
      const count = users.get(from) ?? 0;
      users.set(from, count + 1);
      if (count === 0) open.push(from);
    }
  }
  return users;
}

function follow(result: Incompatibility, users: ReadonlyMap<Incompatibility, number>): Run {
  const facts: Incompatibility[] = [];
  const uses: Incompatibility[] = [];
  for (let at: Incompatibility | undefined = result; at !== undefined; ) {
    if (at.cause.why !== 'derived') {
      facts.push(at);
      break;
    }
    const derived: Incompatibility[] = [];
    for (const from of at.cause.from) (from.cause.why === 'derived' ? derived : facts).push(from);
    const [first, second] = derived;
    if (first !== undefined && second === undefined && users.get(first) === 1) at = first;
    else {
      uses.push(...derived);
      break;
    }
  }
  return { result, facts: facts.sort((a, b) => a.id - b.id), uses };
}

function tell(search: Search, universe: Universe, proof: readonly Run[]): string[] {
  const numbers = new Map<Incompatibility, number>();
  const sentences: string[] = [];
  for (const [index, { result, facts, uses }] of proof.entries()) {
    const isLast = index === proof.length - 1;
    const left = proof.length - 1 - mostRuns;
    const skipped = index >= mostRuns / 2 && index < mostRuns / 2 + left;
    if (!isLast) numbers.set(result, numbers.size + 1);
    if (skipped) {
      if (index === mostRuns / 2) sentences.push(`(${left} steps like these are left out)`);
      continue;
    }
    sentences.push(...shorten(facts.flatMap(each => fact(each, search.slots, universe))));
    const before = uses.map(use => `(${numbers.get(use)})`).join(' and ');
    const so = `so ${conclusion(result, search.slots)}`;
    sentences.push(
      `${before === '' ? '' : `with ${before}, `}${so}${isLast ? '' : ` (${numbers.get(result)})`}`,
    );
  }
  return sentences;
}

function shorten(facts: readonly string[]): string[] {
  const unique = [...new Set(facts)];
  if (unique.length <= mostFacts) return unique;
  const half = mostFacts / 2;
  const left = unique.length - 2 * half;
  return [...unique.slice(0, half), `(${left} links of the chain are left out)`, ...unique.slice(-half)];
}

function changesFor(
  universe: Universe,
  proof: readonly Run[],
  worksWithout: (root: Root) => boolean,
): Change[] {
  const facts = proof.flatMap(({ facts }) => facts);
  const lacking = facts.flatMap(({ cause, terms }) => {
    const requirement =
      cause.why === 'needs' ? cause.requirement : cause.why === 'wanted' ? cause.root.requirement : [];
    return terms.length === 1 ? requirement : [];
  });
  const roots = facts.flatMap(({ cause }) => (cause.why === 'wanted' ? cause.root : []));
  return [...lacking.flatMap(relation => bring(universe, relation)), ...dropOne(roots, worksWithout)].slice(
    0,
    mostChanges,
  );
}

function bring(universe: Universe, relation: Relation): Change[] {
  const foreigners = universe.foreigners(relation);
  if (foreigners.length > 0)
    return foreigners
      .slice(0, 2)
      .map(({ candidate, home }) => ({ do: 'consent', candidate, relation, home }));
  return [{ do: 'bring', relation, have: universe.named(relation.name) }];
}

/** Roots without any one of which the others would do; what is on goes before what was asked for. */
function dropOne(roots: readonly Root[], worksWithout: (root: Root) => boolean): Change[] {
  if (roots.length < 2) return [];
  return [...new Set(roots)]
    .sort((a, b) => Number(a.why === 'asked') - Number(b.why === 'asked'))
    .slice(0, mostTried)
    .filter(worksWithout)
    .map(root => ({ do: 'drop', root }));
}
