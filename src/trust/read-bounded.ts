import { closeSync, constants, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { type ErrorCode, NanolinError } from '../error/index.ts';

interface Bounds {
  /** Bytes. */
  readonly max: number;
  /** Of the refusal. */
  readonly code: ErrorCode;
}

/**
 * A small file that may be anybody's, whole; null where there is none. What is no regular file or larger than `max` is refused
 * unread: O_NONBLOCK, so that a FIFO holds nobody up, and no symbolic link, so that what is checked is what was named.
 */
export function readBounded(path: string, { max, code }: Bounds): { bytes: Buffer; stat: Stats } | null {
  const refuse = (why: string) => new NanolinError(code, `${path} ${why}`);
  const fd = open(path, refuse);
  if (fd === null) return null;
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw refuse('is no regular file');
    if (stat.size > max) throw refuse(`has ${stat.size} bytes, more than ${max}`);
    const bytes = Buffer.alloc(stat.size + 1);
    let length = 0;
    for (let got = 1; got > 0 && length < bytes.length; length += got)
      got = readSync(fd, bytes, length, bytes.length - length, length);
    if (length !== stat.size) throw refuse('changed while it was read');
    return { bytes: bytes.subarray(0, length), stat };
  } finally {
    closeSync(fd);
  }
}

function open(path: string, refuse: (why: string) => NanolinError): number | null {
  try {
    return openSync(
      path,
      constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY,
    );
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return null;
    if (code === 'ELOOP') throw refuse('is a symbolic link');
    if (code === 'ENXIO') throw refuse('is no regular file');
    throw error;
  }
}
