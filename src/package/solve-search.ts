import { printRelation } from '../formats/index.ts';
import type { Problem } from './solve.ts';
import {
  bitOf,
  type Cause,
  candidatesIn,
  either,
  type Incompatibility,
  off,
  type Root,
  resolveTerms,
  type Slot,
  type Term,
  wanted,
} from './solve-terms.ts';
import type { Candidate, Requirement } from './universe.ts';

/** A narrowing of one slot's domain; a decision has no cause. */
interface Step {
  readonly slot: number;
  readonly before: bigint;
  readonly after: bigint;
  readonly cause: Incompatibility | null;
  readonly level: number;
}

class Exhausted extends Error {}

/** One search. What a package needs becomes incompatibilities when the package first matters, so most of a universe is never read. */
export class Search {
  readonly slots: Slot[] = [{ kind: 'root', all: either }];
  steps = 0;
  /** The proof that there is no solution: an incompatibility without terms. */
  failure: Incompatibility | null = null;
  /** How often each slot took part in a conflict. */
  readonly blamed = new Map<number, number>();

  readonly #problem: Problem;
  readonly #limit: number;
  readonly #packages = new Map<string, number>();
  readonly #answers = new Map<string, ReadonlyMap<number, bigint>>();
  readonly #choices = new Map<string, number>();
  readonly #bits = new Map<Candidate, Term>();
  readonly #domains: bigint[] = [either];
  /** Indexes into the trail, by slot. */
  readonly #history: number[][] = [[]];
  readonly #involving: Incompatibility[][] = [[]];
  readonly #expanded = new Set<number>();
  readonly #trail: Step[] = [];
  /** Slots that have to be on, in the order in which that was found. */
  readonly #duties: number[] = [];
  /** All duties before this one are met; they stay so until the level is left at which they were. */
  #met = 0;
  readonly #levels: { trail: number; met: number }[] = [];
  #changed: number[] = [];
  #fresh: Incompatibility[] = [];
  #count = 0;

  constructor(problem: Problem, limit: number) {
    this.#problem = problem;
    this.#limit = limit;
  }

  run(): 'found' | 'failed' | 'exhausted' {
    try {
      this.#add([{ slot: 0, set: off }], { why: 'root' });
      for (;;) {
        const conflict = this.#propagate();
        if (conflict !== null) {
          if (!this.#learn(conflict)) return 'failed';
          continue;
        }
        const next = this.#next();
        if (next === null) return 'found';
        // What it needs may rule it out before it is decided.
        if (this.#expand(next.slot)) continue;
        this.#levels.push({ trail: this.#trail.length, met: this.#met });
        this.#narrow(next.slot, next.set, null);
      }
    } catch (error) {
      if (error instanceof Exhausted) return 'exhausted';
      throw error;
    }
  }

  chosen(): Candidate[] {
    return this.#duties.flatMap(at => candidatesIn(this.slots[at] as Slot, this.#domain(at)));
  }

  /** Draws every conclusion that the incompatibilities allow; returns one that has come true. */
  #propagate(): Incompatibility | null {
    for (;;) {
      for (let at = 0; at < this.#fresh.length; at++) {
        const fresh = this.#fresh[at] as Incompatibility;
        if (this.#examine(fresh)) return fresh;
      }
      this.#fresh = [];
      const changed = this.#changed;
      this.#changed = [];
      for (const slot of changed)
        for (const each of this.#involving[slot] ?? []) if (this.#examine(each)) return each;
      if (this.#changed.length === 0 && this.#fresh.length === 0) return null;
    }
  }

  /** True when every term holds; when all but one do, that one must not. */
  #examine(each: Incompatibility): boolean {
    let open: Term | null = null;
    for (const term of each.terms) {
      this.#spend(1);
      const domain = this.#domain(term.slot);
      const common = domain & term.set;
      if (common === 0n) return false;
      if (common === domain) continue;
      if (open !== null) return false;
      open = term;
    }
    if (open === null) return true;
    this.#narrow(open.slot, this.#domain(open.slot) & ~open.set, each);
    return false;
  }

  #narrow(slot: number, after: bigint, cause: Incompatibility | null): void {
    const before = this.#domain(slot);
    this.#history[slot]?.push(this.#trail.length);
    this.#trail.push({ slot, before, after, cause, level: this.#levels.length });
    this.#domains[slot] = after;
    this.#changed.push(slot);
    if (!turnsOn(before, after)) return;
    this.#duties.push(slot);
    this.#expand(slot);
  }

  /** Resolves a conflict back to a decision that would have been drawn otherwise; false when there is none to blame. */
  #learn(conflict: Incompatibility): boolean {
    let current = conflict;
    for (;;) {
      let latest = -1;
      let level = 0;
      for (const term of current.terms) {
        this.blamed.set(term.slot, (this.blamed.get(term.slot) ?? 0) + 1);
        const at = this.#heldSince(term);
        level = Math.max(level, this.#levelAt(Math.min(at, latest)));
        latest = Math.max(latest, at);
      }
      const step = this.#trail[latest];
      if (step === undefined) {
        this.failure = current;
        return false;
      }
      if (step.cause === null || level < step.level) {
        this.#backTo(level);
        if (current !== conflict) this.#involve(current);
        this.#fresh.push(current);
        return true;
      }
      this.#spend(current.terms.length + step.cause.terms.length);
      const terms = resolveTerms(
        current.terms,
        step.cause.terms,
        step.slot,
        at => (this.slots[at] as Slot).all,
      );
      current = { id: this.#count++, terms, cause: { why: 'derived', from: [step.cause, current] } };
    }
  }

  /** The step of the trail that made a term true. */
  #heldSince({ slot, set }: Term): number {
    const history = this.#history[slot] ?? [];
    return history.find(at => ((this.#trail[at] as Step).after & ~set) === 0n) ?? -1;
  }

  #levelAt(at: number): number {
    return this.#trail[at]?.level ?? 0;
  }

  /** Takes back every decision above a level. What was waiting to be looked at came after them. */
  #backTo(level: number): void {
    const mark = this.#levels[level];
    this.#changed = [];
    this.#fresh = [];
    if (mark === undefined) return;
    while (this.#trail.length > mark.trail) {
      const { slot, before, after } = this.#trail.pop() as Step;
      this.#domains[slot] = before;
      this.#history[slot]?.pop();
      if (turnsOn(before, after)) this.#duties.pop();
    }
    this.#met = mark.met;
    this.#levels.length = level;
  }

  /** The first thing that has to be on and is not settled, with the candidate to try for it. */
  #next(): Term | null {
    for (; this.#met < this.#duties.length; this.#met++) {
      const at = this.#duties[this.#met] as number;
      const slot = this.slots[at] as Slot;
      this.#spend(1);
      if (slot.kind === 'package' && !isSingle(this.#domain(at)))
        return { slot: at, set: lowest(this.#domain(at)) };
      const target = slot.kind === 'choice' ? this.#openTarget(slot.targets) : null;
      if (target !== null) return target;
    }
    return null;
  }

  /** Null when one of the targets is met. Else the first with something installed, or the first that is left. */
  #openTarget(targets: readonly Term[]): Term | null {
    const { installed } = this.#problem;
    let first: Term | null = null;
    let present: Term | null = null;
    for (const { slot, set } of targets) {
      this.#spend(1);
      const domain = this.#domain(slot);
      const left = domain & set;
      if (left === domain) return null;
      if (left === 0n) continue;
      const pick = { slot, set: lowest(left) };
      first ??= pick;
      if (present === null && installed !== undefined) {
        const [candidate] = candidatesIn(this.slots[slot] as Slot, pick.set);
        // What has to be on anyway is as good as what is on already.
        if ((domain & off) === 0n || (candidate && installed.has(candidate))) present = pick;
      }
    }
    return present ?? first;
  }

  /** Brings in what a slot says of others; false when that was done before. */
  #expand(at: number): boolean {
    if (this.#expanded.has(at)) return false;
    this.#expanded.add(at);
    const slot = this.slots[at] as Slot;
    if (slot.kind === 'package') this.#expandPackage(at, slot.candidates);
    else if (slot.kind === 'choice')
      this.#add([{ slot: at, set: wanted }, ...slot.targets.map(target => this.#outside(target))], {
        why: 'choice',
        requirement: slot.requirement,
      });
    else
      for (const root of this.#problem.roots)
        this.#require({ slot: at, set: wanted }, root.requirement, { why: 'wanted', root }, root.why);
    return true;
  }

  /** Versions that say the same are spoken of together: one incompatibility, and one sentence of an explanation. */
  #expandPackage(at: number, candidates: readonly Candidate[]): void {
    const said = new Map<
      string,
      { set: bigint; by: Candidate[]; say: (owner: Term, by: Candidate[]) => void }
    >();
    const group = (key: string, index: number, say: (owner: Term, by: Candidate[]) => void) => {
      const known = said.get(key) ?? { set: 0n, by: [], say };
      known.set |= bitOf(index);
      known.by.push(candidates[index] as Candidate);
      said.set(key, known);
    };
    for (const [index, candidate] of candidates.entries()) {
      for (const requirement of candidate.requires)
        group(`needs ${keyOf(requirement)}`, index, (owner, by) =>
          this.#require(owner, requirement, { why: 'needs', requirement, by }),
        );
      for (const relation of candidate.conflicts)
        group(`conflicts ${printRelation(relation)}`, index, (owner, by) =>
          this.#exclude(owner, this.#problem.universe.answers(relation), { why: 'conflicts', relation, by }),
        );
      for (const other of this.#problem.universe.displaced(candidate))
        group(`displaces ${other.name}`, index, (owner, by) =>
          this.#exclude(owner, this.#problem.universe.named(other.name), {
            why: 'displaces',
            name: other.name,
            by,
          }),
        );
    }
    for (const { set, by, say } of said.values()) say({ slot: at, set }, by);
  }

  #require(
    owner: Term,
    requirement: Requirement,
    cause: Cause,
    by: Root['why'] | 'package' = 'package',
  ): void {
    const key = `${by} ${keyOf(requirement)}`;
    const targets = this.#targets(key, requirement, by);
    // A package may provide what it requires.
    const own = targets.get(owner.slot);
    const needing = { slot: owner.slot, set: owner.set & ~(own ?? 0n) };
    if (needing.set === 0n) return;
    const others = own === undefined ? targets.size : targets.size - 1;
    if (others > 1) {
      this.#add([needing, { slot: this.#choice(key, requirement, targets), set: off }], cause);
      return;
    }
    const only = [...targets].find(([slot]) => slot !== owner.slot);
    this.#add(only === undefined ? [needing] : [needing, this.#outside(termOf(only))], cause);
  }

  #exclude(owner: Term, candidates: readonly Candidate[], cause: Cause): void {
    // What provides the very thing that it conflicts with does not exclude itself (Debian policy 7.4).
    for (const target of this.#bySlot(candidates))
      if (target[0] !== owner.slot) this.#add([owner, termOf(target)], cause);
  }

  #targets(key: string, requirement: Requirement, by: Root['why'] | 'package'): ReadonlyMap<number, bigint> {
    const { universe } = this.#problem;
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const targets = this.#bySlot(
      requirement.flatMap(relation =>
        by === 'package' ? universe.answers(relation) : universe.meant(relation, by),
      ),
    );
    this.#answers.set(key, targets);
    return targets;
  }

  #bySlot(candidates: readonly Candidate[]): Map<number, bigint> {
    const sets = new Map<number, bigint>();
    for (const candidate of candidates) {
      this.#spend(1);
      const { slot, set } = this.#bit(candidate);
      sets.set(slot, (sets.get(slot) ?? 0n) | set);
    }
    return sets;
  }

  /** "Not that": off, or another version. */
  #outside({ slot, set }: Term): Term {
    return { slot, set: (this.slots[slot] as Slot).all & ~set };
  }

  #choice(key: string, requirement: Requirement, targets: ReadonlyMap<number, bigint>): number {
    const known = this.#choices.get(key);
    if (known !== undefined) return known;
    const slot = this.#open({ kind: 'choice', requirement, targets: [...targets].map(termOf), all: either });
    this.#choices.set(key, slot);
    return slot;
  }

  #bit(candidate: Candidate): Term {
    const known = this.#bits.get(candidate);
    if (known !== undefined) return known;
    this.#package(candidate.name);
    return this.#bits.get(candidate) as Term;
  }

  #package(name: string): number {
    const known = this.#packages.get(name);
    if (known !== undefined) return known;
    const { installed, policy, universe } = this.#problem;
    const present = (candidate: Candidate) => Number(installed?.has(candidate) ?? false);
    const newest = universe.named(name);
    const candidates = policy?.newest?.has(name)
      ? newest
      : [...newest].sort((a, b) => present(b) - present(a));
    const slot = this.#open({ kind: 'package', name, candidates, all: bitOf(candidates.length) - 1n });
    this.#packages.set(name, slot);
    for (const [index, candidate] of candidates.entries())
      this.#bits.set(candidate, { slot, set: bitOf(index) });
    return slot;
  }

  #open(slot: Slot): number {
    this.#domains.push(slot.all);
    this.#history.push([]);
    this.#involving.push([]);
    return this.slots.push(slot) - 1;
  }

  #add(terms: readonly Term[], cause: Cause): void {
    // Counted for the memory that it takes: a thousand packages that exclude a thousand others are a million of these.
    this.#spend(25);
    const fresh = { id: this.#count++, terms, cause };
    this.#involve(fresh);
    this.#fresh.push(fresh);
  }

  #involve(each: Incompatibility): void {
    for (const { slot } of each.terms) this.#involving[slot]?.push(each);
  }

  #domain(slot: number): bigint {
    return this.#domains[slot] as bigint;
  }

  #spend(steps: number): void {
    this.steps += steps;
    if (this.steps > this.#limit) throw new Exhausted();
  }
}

const keyOf = (requirement: Requirement): string => requirement.map(printRelation).join(' | ');

const termOf = ([slot, set]: readonly [number, bigint]): Term => ({ slot, set });
const turnsOn = (before: bigint, after: bigint) => (before & off) !== 0n && (after & off) === 0n;
const isSingle = (domain: bigint) => (domain & (domain - 1n)) === 0n;
/** The preferred candidate of a set. */
const lowest = (set: bigint) => set & ~off & -(set & ~off);
