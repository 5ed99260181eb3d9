import { execFile } from 'node:child_process';

/** Lines a minute: a request that fails each time must not fill the log. */
const A_MINUTE = 20;

let minute = 0;
let said = 0;

/** To the system's log, for a process that has no terminal; what cannot be said there is lost. */
export function logToSystem(error: unknown): void {
  const now = Math.floor(Date.now() / 60_000);
  if (now !== minute) [minute, said] = [now, 0];
  if (++said > A_MINUTE) return;
  execFile('logger', ['-t', 'nanolin', '--', textOf(error)], () => {});
}

export const textOf = (error: unknown): string =>
  (error instanceof Error ? (error.stack ?? error.message) : String(error)).slice(0, 4096);
