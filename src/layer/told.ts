import { readFileSync } from 'node:fs';

/** What a source says of an entry. */
export interface Told {
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly xattrs?: Readonly<Record<string, Uint8Array>>;
}

/**
 * What a source says of its entries, where we may not give it to the staged files: they are our own then, and readable. By inode, so that it
 * follows a file wherever it is moved before the image is made. What is not told of (a directory that an archive leaves out) is root's.
 */
export type ToldEntries = Map<bigint, Told>;

/** Null where the staged files have it all themselves. */
export const toldEntries = (): ToldEntries | null => (ownsAll() ? null : new Map());

let all: boolean | undefined;

/** May we give a file to anybody? Root of a user namespace may not: most owners have no number there (user_namespaces(7)). */
export function ownsAll(): boolean {
  all ??=
    process.geteuid?.() === 0 &&
    /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'));
  return all;
}
