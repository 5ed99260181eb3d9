import type { Test } from 'uvu';

/**
 * `needs(test, missing)('name', () => ...)`: the test itself, or a skip that says what is missing, in the words that the
 * runner looks for. `missing` is null when nothing is.
 */
export const needs =
  (test: Test, missing: string | null) =>
  (name: string, run: () => Promise<void> | void): void => {
    if (missing === null) test(name, run);
    else {
      console.log(`\nskipped: ${name}: needs ${missing}`);
      test.skip(name, run);
    }
  };
