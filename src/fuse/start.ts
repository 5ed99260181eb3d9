import { spawn } from 'node:child_process';
import { closeSync, writeSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { type ErrorCode, NanolinError } from '../error/index.ts';

/** Names the descriptor on which the process that serves says how it went. */
const READY_FD = 'NANOLIN_READY_FD';
/** How long it may take to say so. */
const PATIENCE_MS = 60_000;
/** MiB that V8 lets garbage grow to: a process for each union should be a small one. */
const LEAN = ['--max-semi-space-size=1'];
/** One line of JSON. */
const LINE_MAX = 64 * 1024;

/**
 * Runs `command` as a process of its own that outlives this one; resolves with its id when the union that it serves is usable, and throws
 * what it says otherwise.
 */
export async function startServer(command: readonly string[]): Promise<number> {
  const [program = process.execPath, ...args] = command;
  const child = spawn(program, [...LEAN, ...args], {
    detached: true,
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    env: { ...process.env, [READY_FD]: '3' },
  });
  const late = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS);
  const said = await new Promise<string>((done, reject) => {
    child.on('error', reject);
    const pipe = child.stdio[3] as Readable;
    let text = '';
    pipe.setEncoding('utf8').on('data', (part: string) => {
      text = (text + part).slice(0, LINE_MAX);
    });
    pipe.on('end', () => done(text));
  }).finally(() => clearTimeout(late));
  child.unref();
  if (said === '' || child.pid === undefined)
    throw new NanolinError('mount-failed', 'the process that serves the union ended', 'see the system log');
  const { error } = JSON.parse(said) as { error?: { code: ErrorCode; message: string; hint: string | null } };
  if (error) throw new NanolinError(error.code, error.message, error.hint ?? undefined);
  return child.pid;
}

/** Is this process one that `startServer` has started? Asked before it says that it is ready. */
export const isServer = (): boolean => process.env[READY_FD] !== undefined;

/** In the process that serves: `error` is null when the union is usable. Nobody may be waiting. */
export function tellReady(error: NanolinError | null): void {
  const fd = Number(process.env[READY_FD] ?? -1);
  if (fd < 0) return;
  delete process.env[READY_FD];
  writeSync(fd, `${JSON.stringify(error ?? {})}\n`);
  closeSync(fd);
}
