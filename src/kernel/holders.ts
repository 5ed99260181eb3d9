import { readFileSync } from 'node:fs';
import { type HeldBy, native } from './native.ts';

export interface ProcessHold {
  readonly pid: number;
  /** /proc/PID/comm, at most 15 bytes that the process chose itself: control characters are shown as `?`. */
  readonly command: string;
  readonly held: readonly HeldBy[];
}

/** Which processes, this one among them, still have something of these mounts (reusable ids); sorted by pid. */
export function holdersOf(mountIds: readonly number[]): ProcessHold[] {
  const processes = new Map<number, HeldBy[]>();
  for (const held of native.heldBy(mountIds)) {
    const list = processes.get(held.pid);
    if (list) list.push(held);
    else processes.set(held.pid, [held]);
  }
  return [...processes]
    .sort(([a], [b]) => a - b)
    .map(([pid, held]) => ({ pid, command: commandOf(pid), held }));
}

/** /proc/PID/comm with control characters as `?`; `?` when it ended. */
export function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8')
      .replace(/\n$/, '')
      .replace(/\p{Cc}/gu, '?');
  } catch {
    return '?'; // it ended since
  }
}
