import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { native } from '../kernel/index.ts';
import type { Context } from './context.ts';
import { requireOwn } from './who.ts';

/**
 * The one writer's lock: flock(2) on run/nanolin/lock, so it goes with the process that held it. Throws `busy`, naming the
 * holder, and refused where the state is not ours. Its descriptor is O_CLOEXEC: no script inherits it.
 */
export function lockState(ctx: Context, what: string): Disposable {
  for (const directory of [ctx.paths.run, ctx.paths.state]) requireOwn(directory);
  const path = join(ctx.paths.run, 'lock');
  const fd = openSync(path, 'a+', 0o600);
  if (!native.flockTry(fd, true)) {
    const holder = readFileSync(path, 'utf8').trim();
    closeSync(fd);
    throw new NanolinError(
      'busy',
      `another nanolin is at work: ${holder || 'it has not said who it is yet'}`,
      'wait for it to end, then run the command again',
    );
  }
  ftruncateSync(fd);
  writeSync(fd, `pid ${process.pid}, ${what}, since ${ctx.now().toISOString()}\n`);
  return {
    [Symbol.dispose]() {
      ftruncateSync(fd);
      closeSync(fd);
    },
  };
}
