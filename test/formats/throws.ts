import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/error/index.ts';

/** Runs `work`, which has to throw a NanolinError with this code and these words in its message; gives it back. */
export function refuses(code: string, words: string | RegExp, work: () => unknown): NanolinError {
  try {
    work();
  } catch (thrown) {
    if (!(thrown instanceof NanolinError)) throw thrown;
    assert.is(thrown.code, code, thrown.message);
    const found = typeof words === 'string' ? thrown.message.includes(words) : words.test(thrown.message);
    assert.ok(found, `"${thrown.message}" lacks "${words}"`);
    assert.ok(thrown.message.length < 2000, 'a message of bounded length');
    return thrown;
  }
  throw new Error(`was not refused: ${words}`);
}

/** The result of `work`, or null where it refuses its input; anything thrown but a NanolinError with this code goes through. */
export function orRefused<T>(code: string, work: () => T): T | null {
  try {
    return work();
  } catch (thrown) {
    if (thrown instanceof NanolinError && thrown.code === code) return null;
    throw thrown;
  }
}
