import { union } from './native.ts';

/** Indexes of the numbers that C and TypeScript share (`enum slot` in native/fuse/union.h). */
export const UID = 0;
export const GID = 1;
export const UMASK = 3;
/** The request's own numbers, in the order of native/fuse/decide.c. */
export const ARGUMENT = 4;
export const NODE = 16;
export const HANDLE = 17;
export const OPEN_FLAGS = 18;
/** Seconds for which the kernel may keep what the reply says. */
export const LIFETIME = 19;
/** The task that a request waits for. */
export const TASK = 21;
/** What the last `stat` saw; the link count may be changed for the reply. */
export const STAT_MODE = 24;
export const STAT_NLINK = 25;
export const STAT_UID = 26;
export const STAT_GID = 27;
export const STAT_RDEV = 28;
export const STAT_SIZE = 29;
export const STAT_DEV = 30;
/** Of the last `scan`: how many names, its opaque mark's first byte, how many whiteouts. */
export const SCAN_COUNT = 32;
export const SCAN_OPAQUE = 33;
export const SCAN_SUSPECTS = 34;
const SLOTS = 40;

interface Shared {
  readonly numbers: Float64Array;
  /** One element, st_ino of the last `stat`, which may be changed for the reply. */
  readonly inode: BigUint64Array;
}

let mapped: Shared | undefined;

/** Memory that both sides write: a request costs no object. */
export function shared(): Shared {
  if (!mapped) {
    const memory = union.shared();
    mapped = { numbers: new Float64Array(memory, 0, SLOTS), inode: new BigUint64Array(memory, SLOTS * 8, 1) };
  }
  return mapped;
}

export const slot = (index: number): number => shared().numbers[index] ?? 0;

export function setSlot(index: number, number: number): void {
  shared().numbers[index] = number;
}

export const shownInode = (): bigint => shared().inode[0] ?? 0n;

export function showInode(inode: bigint): void {
  shared().inode[0] = inode;
}
