import { printRelation, type Relation } from '../formats/index.ts';
import { candidatesIn, type Incompatibility, off, type Slot, type Term } from './solve-terms.ts';
import type { Candidate, Requirement, Universe } from './universe.ts';

export const requirementText = (requirement: Requirement): string =>
  requirement.map(printRelation).join(' or ');

/** What an incompatibility that was given says, as sentences; none for what goes without saying. */
export function fact(
  { cause, terms }: Incompatibility,
  slots: readonly Slot[],
  universe: Universe,
): string[] {
  switch (cause.why) {
    case 'wanted': {
      const { requirement, why } = cause.root;
      const text = requirementText(requirement);
      return [
        `${why === 'asked' ? `${text} was asked for` : `${text} is on and stays`}${
          terms.length === 1 ? `, and ${nothingIs(requirement, universe)}` : ''
        }`,
      ];
    }
    case 'needs': {
      const { by, requirement } = cause;
      const gap = terms.length === 1 ? `, and ${nothingIs(requirement, universe)}` : '';
      return [`${versions(by)} ${by.length > 1 ? 'need' : 'needs'} ${requirementText(requirement)}${gap}`];
    }
    case 'choice': {
      const [only, more] = cause.requirement;
      const providers = terms.flatMap(({ slot }) => {
        const at = slots[slot] as Slot;
        return at.kind === 'package' ? at.name : [];
      });
      return only === undefined || more !== undefined
        ? []
        : [`${printRelation(only)} is to be had from ${some(providers, 'or')} only`];
    }
    case 'conflicts':
      return [`${versions(cause.by)} cannot be on together with ${printRelation(cause.relation)}`];
    case 'displaces':
      return [`${versions(cause.by)} takes the place of ${cause.name}`];
    default:
      return [];
  }
}

/** What follows, in words. */
export function conclusion({ terms }: Incompatibility, slots: readonly Slot[]): string {
  const said = terms.filter(({ slot }) => slots[slot]?.kind !== 'root');
  const present = said.filter(({ set }) => (set & off) === 0n).map(term => describe(term, slots));
  const absent = said
    .filter(({ set }) => (set & off) !== 0n)
    .map(({ slot, set }) => describe({ slot, set: (slots[slot] as Slot).all & ~set }, slots));
  if (present.length === 0)
    return absent.length === 0 ? 'it cannot be done' : `there has to be ${some(absent, 'or')}`;
  if (absent.length > 0) return `${some(present, 'with')} needs ${some(absent, 'or')}`;
  return present.length === 1
    ? `there cannot be ${present[0]}`
    : `${some(present, 'and')} exclude each other`;
}

function describe({ slot, set }: Term, slots: readonly Slot[]): string {
  const at = slots[slot] as Slot;
  if (at.kind === 'choice') return requirementText(at.requirement);
  if (at.kind === 'root') return 'what was asked for';
  const held = candidatesIn(at, set);
  return held.length === at.candidates.length && held.length > 1 ? `any ${at.name}` : versions(held);
}

/** `jq 1.6`, `jq 1.5 and 1.6`, `jq 1.0 to 2.3 (9 versions)`; all of one name. */
function versions(candidates: readonly Candidate[]): string {
  const name = candidates[0]?.name ?? 'nothing';
  const list = [...new Set(candidates.map(({ version }) => version))];
  if (list.length <= 3) return `${name} ${list.join(' and ')}`.trim();
  return `${name} ${list.at(-1)} to ${list[0]} (${list.length} versions)`;
}

function nothingIs(requirement: Requirement, universe: Universe): string {
  const near = requirement.flatMap((relation: Relation) => {
    const [foreigner] = universe.foreigners(relation);
    if (foreigner)
      return `${foreigner.candidate.name} ${foreigner.candidate.version} is from ${foreigner.candidate.source}, and ${relation.name} is ${foreigner.home}'s`;
    const have = universe.named(relation.name);
    return have.length === 0 ? [] : `there is ${versions(have)}`;
  });
  return `nothing that is at hand is that${near.length === 0 ? '' : ` (${near.join('; ')})`}`;
}

function some(words: readonly string[], between: string): string {
  const unique = [...new Set(words)];
  const list = unique.length > 6 ? [...unique.slice(0, 5), `${unique.length - 5} more`] : unique;
  return list.length < 2 ? (list[0] ?? '') : `${list.slice(0, -1).join(', ')} ${between} ${list.at(-1)}`;
}
