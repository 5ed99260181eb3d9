import { readFileSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import type { MountRecord } from './record.ts';

/** When a process began, in clock ticks after boot; null when it has ended, also while nobody has waited for it yet. */
export function startOf(pid: number): number | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  // The name before it is in parentheses and may hold any of them.
  const [state, ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return state === 'Z' || state === 'X' ? null : Number(rest[18]);
}

/** Is somebody behind the mount? The kernel always is. Not asked of the mount itself: a dead one says ENOTCONN, a hung one nothing. */
export function isServed({ server }: MountRecord): boolean {
  return server === undefined || startOf(server.pid) === server.start;
}

/**
 * For a process that has closed its sockets: it has ended a moment later (do_exit in kernel/exit.c), which is waited for, two seconds at
 * most. False for one that lives on.
 */
export async function hasEnded(record: MountRecord): Promise<boolean> {
  for (let tries = 0; tries < 100 && isServed(record); tries++) await setTimeout(20);
  return !isServed(record);
}
