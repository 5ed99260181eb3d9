import { constants } from 'node:fs';

export const { O_CREAT, O_DIRECTORY, O_DSYNC, O_EXCL, O_NOATIME, O_NOFOLLOW, O_RDONLY, O_RDWR, O_SYNC } =
  constants;
export const { O_TRUNC, O_WRONLY, S_IFCHR, S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } = constants;
export const O_ACCMODE = 3;
export const O_PATH = 0x200000;
export const O_TMPFILE = 0x400000 | O_DIRECTORY;
export const AT_REMOVEDIR = 0x200;

export const RENAME_NOREPLACE = 1;
export const RENAME_EXCHANGE = 2;
export const RENAME_WHITEOUT = 4;

export const S_ISUID = 0o4000;
export const S_ISGID = 0o2000;
export const S_IXGRP = 0o010;

/** The type in a directory's entry, and the bits of a mode that it stands for. */
export const typeOfMode = (mode: number): number => (mode & S_IFMT) >> 12;
