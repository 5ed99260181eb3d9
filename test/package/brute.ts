import { compareVersions, type Relation } from '../../src/formats/index.ts';
import type { Root } from '../../src/package/solve-terms.ts';
import type { Candidate } from '../../src/package/universe.ts';

/** The rules in the plainest words, of one source: what is wrong with a set of packages, or null. Shares no code with the solver. */
export function wrongWith(
  chosen: readonly Candidate[],
  roots: readonly Root[],
  all: readonly Candidate[] = chosen,
): string | null {
  for (const one of chosen)
    if (chosen.some(other => other !== one && other.name === one.name)) return `two of ${one.name}`;
  for (const { requirement, why } of roots)
    if (!requirement.some(each => chosen.some(one => isMeant(one, each, why, all))))
      return `nothing for a root: ${text(requirement)}`;
  for (const one of chosen) {
    for (const requirement of one.requires)
      if (!requirement.some(each => chosen.some(other => answers(other, each))))
        return `${one.name} ${one.version} lacks ${text(requirement)}`;
    for (const each of one.conflicts) {
      const rival = chosen.find(other => other.name !== one.name && answers(other, each));
      if (rival) return `${one.name} ${one.version} conflicts with ${rival.name} ${rival.version}`;
    }
    for (const { name } of one.provides)
      if (name !== one.name && one.replaces.includes(name) && chosen.some(other => other.name === name))
        return `${one.name} takes the place of ${name}, which is on`;
  }
  return null;
}

/** Is there any set at all? Tries every one. */
export function satisfiable(candidates: readonly Candidate[], roots: readonly Root[]): boolean {
  const names = [...new Set(candidates.map(({ name }) => name))];
  const choices = names.map(name => [null, ...candidates.filter(one => one.name === name)]);
  const count = choices.reduce((product, { length }) => product * length, 1);
  for (let n = 0; n < count; n++) {
    let rest = n;
    const chosen = choices.flatMap(list => {
      const one = list[rest % list.length] ?? [];
      rest = Math.floor(rest / list.length);
      return one;
    });
    if (wrongWith(chosen, roots, candidates) === null) return true;
  }
  return false;
}

/** An admin who says a name means the package of that name, where there is one. */
function isMeant(one: Candidate, relation: Relation, why: Root['why'], all: readonly Candidate[]): boolean {
  if (!answers(one, relation)) return false;
  if (one.name === relation.name || all.every(other => other.name !== relation.name)) return true;
  return why === 'kept' && one.replaces.includes(relation.name);
}

function answers(one: Candidate, { name, op, version }: Relation): boolean {
  if (one.name === name) return op === null || holds(one.version, op, version);
  return one.provides.some(
    as => as.name === name && (op === null || (as.op === '=' && holds(as.version, op, version))),
  );
}

function holds(a: string, op: string, b: string): boolean {
  const order = compareVersions(a, b);
  return (
    (op.includes('=') && order === 0) || (op.includes('>') && order > 0) || (op.includes('<') && order < 0)
  );
}

const text = (requirement: readonly Relation[]) =>
  requirement.map(({ name, op, version }) => `${name}${op ?? ''}${version ?? ''}`).join(' | ');

/** As `wrongWith`, for thousands: looks up by name what it would otherwise compare with everything. */
export function wrongWithLarge(chosen: readonly Candidate[]): string | null {
  const known = new Map<string, Candidate[]>();
  for (const one of chosen)
    for (const name of new Set([one.name, ...one.provides.map(as => as.name)]))
      known.set(name, [...(known.get(name) ?? []), one]);
  const found = (each: Relation) => (known.get(each.name) ?? []).filter(one => answers(one, each));
  if (new Set(chosen.map(({ name }) => name)).size !== chosen.length) return 'two of a name';
  for (const one of chosen) {
    for (const requirement of one.requires)
      if (!requirement.some(each => found(each).length > 0)) return `${one.name} lacks ${text(requirement)}`;
    for (const each of one.conflicts) {
      const rival = found(each).find(other => other.name !== one.name);
      if (rival) return `${one.name} conflicts with ${rival.name}`;
    }
  }
  return null;
}
