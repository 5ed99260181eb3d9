import type { Relation } from '../formats/index.ts';
import type { Candidate, Requirement } from './universe.ts';

/**
 * What the solver decides, one thing a slot. A slot's domain is a set of bits: bit 0 for "not on", and one bit for each candidate, the
 * preferred one lowest. A choice, and the root, have bit 1 for "wanted".
 */
export type Slot =
  | {
      readonly kind: 'package';
      readonly name: string;
      readonly candidates: readonly Candidate[];
      readonly all: bigint;
    }
  | {
      readonly kind: 'choice';
      readonly requirement: Requirement;
      readonly targets: readonly Term[];
      readonly all: bigint;
    }
  | { readonly kind: 'root'; readonly all: bigint };

export const off = 1n;
export const wanted = 2n;
export const either = off | wanted;

export const bitOf = (index: number): bigint => 1n << BigInt(index + 1);

/** The candidates of a slot that a set holds. */
export function candidatesIn(slot: Slot, set: bigint): Candidate[] {
  return slot.kind === 'package' ? slot.candidates.filter((_, index) => (set & bitOf(index)) !== 0n) : [];
}

/** "The slot is one of the set": true once its domain lies within the set, false once they have nothing in common. */
export interface Term {
  readonly slot: number;
  readonly set: bigint;
}

/** Terms that cannot all be true (PubGrub's incompatibility, a clause to others). */
export interface Incompatibility {
  /** In the order of creation: what one is derived from has lower numbers. */
  readonly id: number;
  readonly terms: readonly Term[];
  readonly cause: Cause;
}

export type Cause =
  | { readonly why: 'root' }
  | { readonly why: 'wanted'; readonly root: Root }
  | { readonly why: 'needs'; readonly requirement: Requirement; readonly by: readonly Candidate[] }
  | { readonly why: 'choice'; readonly requirement: Requirement }
  | { readonly why: 'conflicts'; readonly relation: Relation; readonly by: readonly Candidate[] }
  | { readonly why: 'displaces'; readonly name: string; readonly by: readonly Candidate[] }
  | { readonly why: 'derived'; readonly from: readonly [Incompatibility, Incompatibility] };

/** What has to be on in the end. */
export interface Root {
  readonly requirement: Requirement;
  /** `asked`: by this command. `kept`: it is on, and this command does not take it away. */
  readonly why: 'asked' | 'kept';
}

/** If both cannot be and what they say of the slot is taken together, neither can this: resolution over finite domains. */
export function resolveTerms(
  a: readonly Term[],
  b: readonly Term[],
  slot: number,
  all: (slot: number) => bigint,
): Term[] {
  const sets = new Map<number, bigint>();
  for (const term of a) sets.set(term.slot, term.set);
  for (const term of b) {
    const known = sets.get(term.slot);
    const set = known === undefined ? term.set : term.slot === slot ? known | term.set : known & term.set;
    sets.set(term.slot, set);
  }
  return [...sets].flatMap(([at, set]) => (set === all(at) ? [] : { slot: at, set }));
}
