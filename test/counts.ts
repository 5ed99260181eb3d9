import { readFileSync } from 'node:fs';

export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
}

/** Sums uvu's totals. What is neither passed nor counted as total has not run; uvu's Total leaves skipped tests out. */
export function countsIn(output: string): Counts {
  const add = (word: string): number =>
    [...output.matchAll(new RegExp(`^ {2}${word}: +(\\d+)\\s*$`, 'gm'))].reduce(
      (sum, [, number]) => sum + Number(number),
      0,
    );
  const passed = add('Passed');
  return { passed, failed: add('Total') - passed, skipped: add('Skipped') };
}

/** The lines in which a test says why it did not run. */
export const skipsIn = (output: string): string[] =>
  [...output.matchAll(/^skipped: .*$/gm)].map(([line]) => line);

/** Seconds that a file may take: 180, or what its first line says, `// limit: 600s`. */
export function limitIn(file: string): number {
  const [, seconds] = /^\/\/ limit: (\d+)s\b/.exec(readFileSync(file, 'utf8')) ?? [];
  return seconds === undefined ? 180 : Number(seconds);
}
