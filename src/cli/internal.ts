import { asNanolinError } from '../error/index.ts';
import { usage } from './command.ts';
import type { World } from './world.ts';

/** What nanolin starts itself as: no command of anybody's, so no help and no completion names it. */
export const INTERNAL = '--internal-';

/** Runs until its work is done; returns the exit code. Errors go to whoever has started it. */
export async function runInternal([what, ...words]: readonly string[], world: World): Promise<number> {
  const program = programs[`${what}`];
  if (!program) throw usage(`there is no ${what}`);
  return program(words, world);
}

type Program = (words: readonly string[], world: World) => Promise<number>;

const programs: Readonly<Record<string, Program>> = {
  /** SOCKET: one union of a stack. */
  async '--internal-serve-union'([socket = '']) {
    const { logToSystem, serveStack, tellReady } = await import('../fuse/index.ts');
    // What is thrown outside of any request must not take the mount down.
    process.on('uncaughtException', logToSystem);
    process.on('unhandledRejection', logToSystem);
    process.chdir('/');
    try {
      await serveStack(socket, () => tellReady(null), logToSystem);
      return 0;
    } catch (thrown) {
      tellReady(asNanolinError(thrown));
      throw thrown;
    }
  },
};
