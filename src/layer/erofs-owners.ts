import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import type { Entry } from '../formats/index.ts';
import { readErofsInodes } from './erofs-inodes.ts';
import { readHead } from './read-source.ts';
import { sealErofs } from './superblock.ts';

/** Numbers in a compact inode have 16 bits. */
export const COMPACT_MAX = 0xffff;

/**
 * Writes owners and modes into an erofs image that was just made of files which could not have them: mkfs.erofs 1.5 takes them from
 * the files alone. Nothing else changes, so the image is the one that root makes of the same tree.
 */
export function setErofsOwners(image: string, entries: readonly Entry[]): void {
  const wanted = new Map(entries.map(entry => [entry.path, entry] as const));
  const fd = openSync(image, 'r+');
  try {
    const { size } = fstatSync(fd);
    for (const { path, at, extended } of readErofsInodes(fd, size)) {
      const entry = wanted.get(path);
      if (!entry) throw new Error(`${path} is in the image and not in the tree`);
      const inode = readHead(fd, extended ? 32 : 28, at);
      inode.writeUInt16LE((inode.readUInt16LE(4) & 0xf000) | entry.mode, 4);
      if (extended) {
        inode.writeUInt32LE(entry.uid, 24);
        inode.writeUInt32LE(entry.gid, 28);
      } else {
        inode.writeUInt16LE(entry.uid, 24);
        inode.writeUInt16LE(entry.gid, 26);
      }
      writeSync(fd, inode, 0, inode.length, at);
    }
    sealErofs(fd);
  } finally {
    closeSync(fd);
  }
}
