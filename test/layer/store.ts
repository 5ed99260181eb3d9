import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NanolinError } from '../../src/error/index.ts';
import { type Context, type Forced, pathsBelow } from '../../src/state/index.ts';

export interface TestStore extends Disposable {
  readonly ctx: Context;
  /** A scratch directory of the test's own, beside the store. */
  readonly scratch: string;
}

/** An empty store below a fresh directory; everything goes when it is disposed. */
export function openStore(options: Partial<Context> & { under?: string } = {}): TestStore {
  const { under = tmpdir(), ...changes } = options;
  const top = mkdtempSync(join(under, 'nanolin-layer-'));
  const paths = pathsBelow(join(top, 'root'));
  const scratch = join(top, 'scratch');
  for (const directory of [paths.state, paths.run, scratch]) mkdirSync(directory, { recursive: true });
  const ctx: Context = {
    paths,
    log: { debug() {}, info() {}, warn() {} },
    now: () => new Date('2026-11-22T10:00:00Z'),
    signal: new AbortController().signal,
    progress: () => {},
    // So that every test of layers can be run in another way of reading images.
    forced: new Set((process.env.NANOLIN_FORCE ?? '').split(',').filter(Boolean) as Forced[]),
    at: () => {},
    ...changes,
  };
  return { ctx, scratch, [Symbol.dispose]: () => rmSync(top, { recursive: true, force: true }) };
}

/** The error that a promise ends with; fails the test when it does not. */
export async function refusal(action: Promise<unknown>): Promise<NanolinError> {
  try {
    await action;
  } catch (error) {
    if (error instanceof NanolinError) return error;
    throw error;
  }
  throw new Error('it was not refused');
}
