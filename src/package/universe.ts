import { compareStamps, compareVersions, coversName, matches, type Relation } from '../formats/index.ts';

/** A package that could be on: what its recipe, or the control fields of its format, say of it. */
export interface Candidate {
  readonly name: string;
  readonly version: string;
  /** '' where its format has none. */
  readonly stamp: string;
  /** Whoever vouches for it. Names of one source mean nothing to packages of another: see `Universe`. */
  readonly source: string;
  readonly requires: readonly Requirement[];
  readonly provides: readonly Relation[];
  readonly conflicts: readonly Relation[];
  /** Names with `*` and `?`. */
  readonly replaces: readonly string[];
}

/** Any one of the relations will do: `a | b`. */
export type Requirement = readonly Relation[];

/** A candidate that would answer and may not. */
export interface Foreigner {
  readonly candidate: Candidate;
  /** The source that the name belongs to. */
  readonly home: string;
}

/** Names of packages that may speak for names of other sources. */
export interface Consent {
  /** For their own name, and of which source: what an admin names may come from the first source he gave that has it. */
  readonly named?: ReadonlyMap<string, string>;
  /** For everything that they provide or replace. */
  readonly crossing?: ReadonlySet<string>;
}

/**
 * The candidates by name and by what they provide.
 *
 * A name belongs to one source: to that of the package that is installed, else to the first source that has a package of that name,
 * else to the first that provides it. What another source says of that name, by a package, a PROVIDE or a REPLACE, counts only with
 * consent to the package that says it; so a source that is added can neither slip a newer libc nor a stand-in for one into a stack.
 */
export class Universe {
  readonly #named = new Map<string, Candidate[]>();
  readonly #providers = new Map<string, { candidate: Candidate; as: Relation }[]>();
  readonly #homes = new Map<string, string>();
  readonly #consent: Consent;

  /** `candidates` in the order of their sources, the installed ones first. */
  constructor(candidates: readonly Candidate[], consent: Consent = {}) {
    this.#consent = consent;
    for (const candidate of candidates) {
      push(this.#named, candidate.name, candidate);
      for (const as of candidate.provides) push(this.#providers, as.name, { candidate, as });
    }
    for (const list of this.#named.values()) if (list.length > 1) list.sort(newestFirst);
    for (const [name, [first]] of this.#providers) if (first) this.#homes.set(name, first.candidate.source);
    // Backwards, so that the first has the last word.
    for (let at = candidates.length; at-- > 0; ) {
      const { name, source } = candidates[at] as Candidate;
      this.#homes.set(name, source);
    }
  }

  /** Every package of that name that may be used, newest first. */
  named(name: string): readonly Candidate[] {
    const list = this.#named.get(name) ?? [];
    return list.every(candidate => this.#mayBe(candidate, name))
      ? list
      : list.filter(candidate => this.#mayBe(candidate, name));
  }

  /** What answers a relation: packages of the name, newest first, then those that provide it. */
  answers(relation: Relation): Candidate[] {
    return this.#answering(relation)
      .filter(({ name, candidate }) => this.#mayBe(candidate, name))
      .map(one);
  }

  /**
   * What an admin means by a relation: packages of that name where there are any, else what provides it. What is kept may also go to
   * one that takes its place.
   */
  meant(relation: Relation, why: 'asked' | 'kept'): Candidate[] {
    const { name } = relation;
    const answers = this.answers(relation);
    if (this.named(name).length === 0) return answers;
    return answers.filter(
      candidate => candidate.name === name || (why === 'kept' && this.replaces(candidate, name)),
    );
  }

  /** What would answer with consent. */
  foreigners(relation: Relation): Foreigner[] {
    const home = this.#homes.get(relation.name) ?? '';
    return this.#answering(relation)
      .filter(({ name, candidate }) => !this.#mayBe(candidate, name))
      .map(({ candidate }) => ({ candidate, home }));
  }

  /**
   * Packages whose place this one takes: it has their name in PROVIDE and in REPLACE. With REPLACE alone both may be on, and where
   * both have a path this one's is seen.
   */
  displaced(candidate: Candidate): Candidate[] {
    const names = new Set(candidate.provides.map(({ name }) => name));
    names.delete(candidate.name);
    return [...names].flatMap(name =>
      this.replaces(candidate, name) ? this.named(name).filter(other => other.name !== candidate.name) : [],
    );
  }

  /** Does this package's REPLACE cover the name, and may it? */
  replaces(candidate: Candidate, name: string): boolean {
    return this.#mayBe(candidate, name) && candidate.replaces.some(glob => coversName(glob, name));
  }

  names(): Iterable<string> {
    return this.#named.keys();
  }

  #answering(relation: Relation): { name: string; candidate: Candidate }[] {
    const { name } = relation;
    const real = (this.#named.get(name) ?? []).filter(candidate => matches(relation, candidate));
    const providing = (this.#providers.get(name) ?? []).filter(
      ({ candidate, as }) => candidate.name !== name && provides(as, relation),
    );
    return [...real, ...providing.map(one)].map(candidate => ({ name, candidate }));
  }

  #mayBe(candidate: Candidate, name: string): boolean {
    const home = this.#homes.get(name);
    if (home === undefined || home === candidate.source) return true;
    const { named, crossing } = this.#consent;
    return (
      crossing?.has(candidate.name) || (name === candidate.name && named?.get(name) === candidate.source)
    );
  }
}

/** As Debian policy 7.5: a PROVIDE without a version answers only what asks for none. */
function provides(as: Relation, relation: Relation): boolean {
  if (relation.op === null) return true;
  return as.op === '=' && matches(relation, { name: as.name, version: as.version });
}

export function newestFirst(a: Candidate, b: Candidate): number {
  return compareVersions(b.version, a.version) || compareStamps(b.stamp, a.stamp);
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}

const one = ({ candidate }: { candidate: Candidate }): Candidate => candidate;
