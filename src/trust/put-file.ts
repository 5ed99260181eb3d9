import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fchmodSync,
  fsyncSync,
  linkSync,
  openSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { asNanolinError } from '../error/index.ts';
import { syncDirectory } from '../state/index.ts';

interface Putting {
  /** Held from the first byte on. */
  readonly mode: number;
  /** What becomes of a file that is there: link(2) fails on it with EEXIST where rename(2) replaces it. */
  readonly over: 'replace' | 'refuse';
}

/**
 * Writes a small file whole, in a directory that others may write to as well: a temporary name that nobody could have prepared
 * (O_EXCL follows no link), fsync, then in place, fsync of the directory. False when a file was there and stays.
 */
export function putFile(path: string, content: string | Uint8Array, { mode, over }: Putting): boolean {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}.new`);
  try {
    const fd = openSync(temporary, 'wx', mode);
    try {
      writeFileSync(fd, content);
      fchmodSync(fd, mode);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    (over === 'replace' ? renameSync : linkSync)(temporary, path);
  } catch (error) {
    if (over === 'refuse' && (error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw asNanolinError(error);
  } finally {
    rmSync(temporary, { force: true });
  }
  syncDirectory(dirname(path));
  return true;
}
