import { type Change, type Explanation, explainFailure, explainSurrender } from './explain.ts';
import { Search } from './solve-search.ts';
import type { Root } from './solve-terms.ts';
import type { Candidate, Universe } from './universe.ts';

export interface Problem {
  readonly roots: readonly Root[];
  readonly universe: Universe;
  /** Preferred over what is newer. */
  readonly installed?: ReadonlySet<Candidate>;
  readonly policy?: Policy;
}

export interface Policy {
  /** Names whose newest version is preferred, installed or not: what the admin asked for by name. */
  readonly newest?: ReadonlySet<string>;
  /** Terms that may be looked at before the solver gives up; by default some seconds' worth. */
  readonly steps?: number;
}

/** One version of a name each; everything that they require is among them, and nothing that they exclude. */
export interface Solution {
  readonly kind: 'solution';
  readonly chosen: readonly Candidate[];
  readonly steps: number;
}

const patience = 50_000_000;

/**
 * Finds packages that satisfy the roots, or shows why there are none: complete, by PubGrub's way of learning from each conflict
 * (Weizenbaum, "PubGrub: Next-Generation Version Solving", 2018). Prefers what is installed, then the newest; adds nothing that nothing
 * needs. Pure, without recursion, and it ends after `steps`.
 */
export function solve(problem: Problem): Solution | Explanation {
  const steps = problem.policy?.steps ?? patience;
  const search = new Search(problem, steps);
  const outcome = search.run();
  if (outcome === 'found') return { kind: 'solution', chosen: search.chosen(), steps: search.steps };
  if (outcome === 'exhausted') return explainSurrender(search);
  return explainFailure(search, problem.universe, root => {
    const roots = problem.roots.filter(other => other !== root);
    return new Search({ ...problem, roots }, steps / 10).run() === 'found';
  });
}

export type { Change, Explanation };
