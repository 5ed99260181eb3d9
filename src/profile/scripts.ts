import { randomBytes } from 'node:crypto';
import { closeSync, constants, mkdirSync, openSync, unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Context } from '../state/context.ts';
import { type OutputTail, outputTail } from './output-tail.ts';

export interface ScriptRequest {
  readonly body: string;
  /** `healthy`, or the event of a SCRIPTS directive: `enable`, `disable`, ... */
  readonly event: string;
  readonly profile: string;
  readonly generation: number;
  /** Milliseconds until the script and its process group are ended. */
  readonly timeoutMs: number;
}

export interface ScriptResult {
  /** Ended by itself with exit code 0. */
  readonly ok: boolean;
  readonly code: number | null;
  readonly signal: string | null;
  readonly timedOut: boolean;
  /** The context's abort signal ended it. */
  readonly cancelled: boolean;
  /** What it printed on both streams, the last 16 KiB, control characters replaced. */
  readonly output: string;
  /** Milliseconds it ran. */
  readonly ms: number;
}

/** Between the polite signal and the one that cannot be caught. */
const graceMs = 2000;
/** How long output is still read after the end when a process in the background holds the pipes. */
const heldMs = 200;
const kept = 16 * 1024;

const environment = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  LANG: 'C.UTF-8',
} as const;

/**
 * Runs a HEALTHY or SCRIPTS body with `/bin/sh -eu` in a session of its own, in `/`, with a clean environment. Never
 * rejects for what the script does: a failure, a time-out (milliseconds) and a shell that is missing are results.
 * What the script leaves in the background after a success lives on; after a time-out or an abort its group is killed.
 */
export async function runScript(ctx: Context, request: ScriptRequest): Promise<ScriptResult> {
  const started = performance.now();
  const tail = outputTail(kept, line =>
    ctx.log.info({ profile: request.profile, event: request.event, line }, 'script output'),
  );
  if (ctx.signal.aborted)
    return { ok: false, code: null, signal: null, timedOut: false, cancelled: true, output: '', ms: 0 };

  const body = bodyAsFile(ctx.paths.tmp, request.body);
  const ended = await runShell(ctx, request, body, tail).finally(() => closeSync(body));
  return {
    ...ended,
    ok: ended.code === 0 && !ended.timedOut && !ended.cancelled,
    output: tail.text(),
    ms: performance.now() - started,
  };
}

/**
 * The body goes in as an unlinked file: argv can be read by everyone in /proc, and a body on stdin would be eaten by
 * the first command in it that reads stdin. A pipe would not do, Node makes sockets of them and open(2) of
 * /dev/fd/N on a socket is ENXIO.
 */
function bodyAsFile(directory: string, body: string): number {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const path = join(directory, `script-${randomBytes(8).toString('hex')}`);
  const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const fd = openSync(path, flags, 0o600);
  try {
    unlinkSync(path);
    const bytes = Buffer.from(body);
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    return fd;
  } catch (thrown) {
    closeSync(fd);
    throw thrown;
  }
}

type Ended = Pick<ScriptResult, 'code' | 'signal' | 'timedOut' | 'cancelled'>;

async function runShell(
  ctx: Context,
  request: ScriptRequest,
  body: number,
  tail: OutputTail,
): Promise<Ended> {
  const { execa } = await import('execa');
  const shell = execa('/bin/sh', ['-eu', '-c', '. /dev/fd/3', request.event], {
    cwd: '/',
    extendEnv: false,
    env: {
      ...environment,
      NANOLIN_PROFILE: request.profile,
      NANOLIN_GENERATION: String(request.generation),
      NANOLIN_EVENT: request.event,
    },
    // execa's types know the descriptors up to 9; Node hands on any.
    stdio: ['ignore', 'pipe', 'pipe', body as 3],
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
  });
  shell.stdout.on('data', (chunk: Buffer) => tail.take(chunk));
  shell.stderr.on('data', (chunk: Buffer) => tail.take(chunk));

  // The exit of the shell is the end, not the end of its output: a child that it left behind may hold the pipes for ever.
  const exit = new Promise<Pick<Ended, 'code' | 'signal'>>(resolve => {
    shell.once('exit', (code, signal) => resolve({ code, signal }));
    shell.once('error', error => {
      tail.take(Buffer.from(`${error.message}\n`));
      resolve({ code: null, signal: null });
    });
  });
  const { why, stop } = firstOf(request.timeoutMs, ctx.signal);
  try {
    const first = await Promise.race([exit, why]);
    if (typeof first !== 'string') return { ...first, timedOut: false, cancelled: false };
    const last = shell.pid === undefined ? undefined : await endGroup(shell.pid, exit);
    return {
      ...(last ?? { code: null, signal: 'SIGKILL' }),
      timedOut: first === 'timeout',
      cancelled: first === 'abort',
    };
  } finally {
    stop();
    // What was written is in the pipes by now; without someone holding them they end as soon as it is read.
    const read = [shell.stdout, shell.stderr].map(stream => finished(stream));
    await Promise.race([Promise.allSettled(read), sleep(heldMs, undefined, { ref: false })]);
    shell.stdout.destroy();
    shell.stderr.destroy();
    shell.unref();
  }
}

function firstOf(
  timeoutMs: number,
  signal: AbortSignal,
): { why: Promise<'timeout' | 'abort'>; stop: () => void } {
  let stop = () => {};
  const why = new Promise<'timeout' | 'abort'>(resolve => {
    const timer = setTimeout(resolve, timeoutMs, 'timeout');
    const abort = () => resolve('abort');
    signal.addEventListener('abort', abort, { once: true });
    stop = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', abort);
    };
  });
  return { why, stop };
}

/**
 * SIGTERM to the group, SIGKILL to what is left of it after the grace. The shell may go at the first while a child of
 * it ignores the signal, so the group is asked, not the shell. The number cannot be another's by then: the kernel
 * does not hand out a pid that is still some process's group (pid_namespaces, alloc_pid).
 */
async function endGroup<T>(pid: number, exit: Promise<T>): Promise<T | undefined> {
  signalGroup(pid, 'SIGTERM');
  for (const until = performance.now() + graceMs; performance.now() < until; await sleep(25))
    if (!signalGroup(pid, 0)) break;
  signalGroup(pid, 'SIGKILL');
  // A process in an uninterruptible sleep does not even go then; it must not hold us.
  return Promise.race([exit, sleep(graceMs, undefined, { ref: false })]);
}

function signalGroup(pid: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-pid, signal);
  } catch {
    return false;
  }
}
