import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, watch } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { asNanolinError } from '../error/index.ts';
import { ControlLine } from '../fuse/index.ts';
import { native, readMountinfo } from '../kernel/index.ts';
import { deadStacks, hasEnded, isOurs, type MountRecord, runRecord } from '../stack/index.ts';
import type { Context } from '../state/index.ts';

/** As many ends of servers within this time are not bad luck any more. */
const DEATHS = 5;
const WITHIN_MS = 60_000;

/** Starts the process that keeps unions up, unless there is one or nothing to keep. `command` runs `keepUnions`. */
export function startKeeper(ctx: Context, command: readonly string[]): void {
  if (unionsStanding(ctx).length === 0) return;
  const lock = lockKeeper(ctx);
  if (lock === null) return;
  lock[Symbol.dispose]();
  const [program = process.execPath, ...args] = command;
  const keeper = spawn(program, args, { detached: true, stdio: 'ignore' });
  keeper.on('error', error => ctx.log.warn({ error: error.message }, 'nobody keeps the stacks up'));
  keeper.unref();
}

/**
 * Watches over the unions in user space until the last of them is unmounted: one whose process has ended is mounted again by `restore`.
 * It waits for connections to close and for the record to change, and asks nobody. Gives up after five deaths within a minute, and says
 * so. Returns at once when another process is at it.
 */
export async function keepUnions(ctx: Context, restore: () => Promise<unknown>): Promise<void> {
  using watched = new Watched(ctx);
  const deaths: number[] = [];
  for (let lock = lockKeeper(ctx); lock !== null; lock = lockKeeper(ctx)) {
    using _lock = lock;
    while (!ctx.signal.aborted && (await watched.attend(unionsStanding(ctx)))) {
      const dead = deadStacks(unionsStanding(ctx));
      if (dead.length === 0) {
        await watched.change();
        continue;
      }
      const now = performance.now();
      deaths.push(now);
      const targets = dead.map(({ target }) => target).join(', ');
      if (deaths.filter(then => now - then < WITHIN_MS).length >= DEATHS) {
        ctx.log.warn(
          { targets },
          'the process that serves the stack ends again and again: it is left as it is',
        );
        return;
      }
      ctx.log.warn({ targets }, 'the process that served the stack has ended: it is mounted again');
      await restoreSoon(ctx, restore);
    }
    if (ctx.signal.aborted) return;
    lock[Symbol.dispose]();
    // A switch that saw the lock while we were leaving relies on us.
    if (unionsStanding(ctx).length === 0) return;
  }
}

/** Waits while another command is at work: it may be the one that mounts the stack again. */
async function restoreSoon(ctx: Context, restore: () => Promise<unknown>): Promise<void> {
  for (;;) {
    const error = await restore().then(() => null, asNanolinError);
    if (error?.code !== 'busy') {
      if (error) ctx.log.warn({ error: error.message }, 'the stack could not be mounted again');
      return;
    }
    await setTimeout(200, undefined, { signal: ctx.signal }).catch(() => {});
    if (ctx.signal.aborted) return;
  }
}

/** Recorded unions that are mounted, also those that nobody serves any more. */
function unionsStanding(ctx: Context): MountRecord[] {
  const unions = runRecord(ctx)
    .read()
    .mounts.filter(({ server }) => server !== undefined);
  if (unions.length === 0) return [];
  const mounts = readMountinfo();
  return unions.filter(own => mounts.some(mount => isOurs(mount, own)));
}

function lockKeeper(ctx: Context): Disposable | null {
  const directory = join(ctx.paths.run, 'unions');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  let fd = openSync(join(directory, 'keeper.lock'), 'a', 0o600);
  const close = () => {
    if (fd >= 0) closeSync(fd);
    fd = -1;
  };
  if (native.flockTry(fd, true)) return { [Symbol.dispose]: close };
  close();
  return null;
}

/** What tells that something may have changed: a connection to each union, and the record's directory. */
class Watched implements Disposable {
  readonly #lines = new Map<string, ControlLine>();
  readonly #watcher;
  #changed = false;
  #wake = () => {};

  constructor(ctx: Context) {
    const note = () => this.#note();
    this.#watcher = watch(ctx.paths.run, (_, name) => {
      if (name === null || name === 'mounts.json') note();
    });
    this.#watcher.on('error', note);
    ctx.signal.addEventListener('abort', note);
  }

  /** Connects to those that are new; false when there are none at all. */
  async attend(unions: readonly MountRecord[]): Promise<boolean> {
    for (const union of unions) {
      const socket = union.server?.socket;
      if (socket === undefined || this.#lines.has(socket)) continue;
      const line = await ControlLine.to(socket).catch(() => null);
      if (line === null) {
        await hasEnded(union);
        continue;
      }
      this.#lines.set(socket, line);
      line.closed.then(async () => {
        await hasEnded(union);
        this.#lines.delete(socket);
        this.#note();
      });
    }
    return unions.length > 0;
  }

  /** Resolves when something has happened since the last time. */
  async change(): Promise<void> {
    if (!this.#changed)
      await new Promise<void>(done => {
        this.#wake = done;
      });
    this.#changed = false;
  }

  [Symbol.dispose](): void {
    this.#watcher.close();
    for (const line of this.#lines.values()) line[Symbol.dispose]();
  }

  #note(): void {
    this.#changed = true;
    this.#wake();
  }
}
