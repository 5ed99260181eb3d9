import { native, type Scratch } from './native.ts';

/** Runs with a mount namespace that nobody sees and that is gone afterwards, whatever happens. */
export function inScratch<T>(run: (scratch: Scratch) => T): T {
  const scratch = native.scratchOpen();
  try {
    return run(scratch);
  } finally {
    native.scratchClose(scratch);
  }
}
