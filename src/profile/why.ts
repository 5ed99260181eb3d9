import type { Held } from '../stack/index.ts';

/** What a process has of a stack, in words, the gravest first: an executable is gone for good only when the process ends. */
export function whyHeld(holds: readonly Held[]): string {
  return phrases
    .flatMap(([phrase, fits]) => {
      const [first, ...more] = new Set(holds.filter(fits).map(({ path }) => path));
      if (first === undefined) return [];
      return [`${phrase} ${first}${more.length > 0 ? ` and ${more.length} more` : ''}`];
    })
    .join(', ');
}

const phrases: readonly (readonly [string, (held: Held) => boolean])[] = [
  ['executes', ({ what }) => what === 'exe'],
  ['writes to', ({ what, writing }) => writing && what === 'fd'],
  ['maps', ({ what }) => what === 'map'],
  ['works in', ({ what }) => what === 'cwd'],
  ['has its root in', ({ what }) => what === 'root'],
  ['has open', ({ what, writing }) => what === 'fd' && !writing],
];
