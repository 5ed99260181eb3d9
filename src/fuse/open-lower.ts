import { check, EPERM } from './errno.ts';
import { O_NOATIME } from './flags.ts';
import { union } from './native.ts';
import type { Place } from './tree.ts';

/** Reading leaves no trace in a lower, where we may ask for that. */
export function openLower([fd, name]: Place, flags: number): number {
  const quiet = union.open(fd, name, flags | O_NOATIME, 0);
  return quiet === -EPERM ? check(union.open(fd, name, flags, 0)) : check(quiet);
}
