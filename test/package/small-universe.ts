import type { Relation } from '../../src/formats/index.ts';
import { parseQuery } from '../../src/formats/index.ts';
import type { Root } from '../../src/package/solve-terms.ts';
import type { Candidate, Requirement } from '../../src/package/universe.ts';

export function relation(text: string): Relation {
  const query = parseQuery(text);
  if (query.kind === 'path') throw new Error(`${text} is a path`);
  return query;
}

/** `a | b>=2` */
export const anyOf = (text: string): Requirement => text.split(' | ').map(relation);

export const asked = (text: string): Root => ({ requirement: anyOf(text), why: 'asked' });
export const kept = (text: string): Root => ({ requirement: anyOf(text), why: 'kept' });

/** `name version`, and what it says of others. */
export function candidate(
  text: string,
  says: {
    requires?: readonly string[];
    provides?: readonly string[];
    conflicts?: readonly string[];
    replaces?: readonly string[];
    source?: string;
  } = {},
): Candidate {
  const [name = '', version = ''] = text.split(' ');
  const { requires = [], provides = [], conflicts = [], replaces = [], source = 'here' } = says;
  return {
    name,
    version,
    stamp: '',
    source,
    requires: requires.map(anyOf),
    provides: provides.map(relation),
    conflicts: conflicts.map(relation),
    replaces,
  };
}

export const shown = (chosen: readonly Candidate[]): string[] =>
  chosen.map(({ name, version }) => `${name} ${version}`).sort();
