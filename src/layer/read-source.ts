import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, read, readlinkSync, readSync, write } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { asNanolinError, NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';
import { limits } from './limits.ts';
import { type Identity, identityOf } from './record.ts';

const readAt = promisify(read);
const writeAt = promisify(write);

/** A file that the admin named, open for reading and known to be a regular one. */
export interface OpenSource extends Disposable {
  readonly fd: number;
  readonly path: string;
  readonly size: number;
  readonly identity: Identity;
}

/**
 * Opens a source: a regular file, or one symlink to it. O_NOFOLLOW and a check by descriptor, so that what is checked is what is
 * read; O_NONBLOCK, so that a FIFO does not hold us for ever. Throws source-missing or source-unreadable.
 */
export function openSource(path: string): OpenSource {
  const { fd, path: real } = openThrough(path);
  try {
    const stat = fstatSync(fd);
    if (!stat.isFile()) throw unreadable(path, 'is neither a regular file nor a directory');
    if (stat.size > limits.bytes)
      throw unreadable(path, `has ${stat.size} bytes, more than the ${limits.bytes} that are allowed`);
    return {
      fd,
      path: real,
      size: stat.size,
      identity: identityOf(fd),
      [Symbol.dispose]: () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function openThrough(path: string): { fd: number; path: string } {
  try {
    return { fd: openPlain(path), path };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ELOOP') throw missing(path, error);
  }
  try {
    const target = resolve(dirname(path), readlinkSync(path));
    return { fd: openPlain(target), path: target };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ELOOP')
      throw unreadable(path, 'is a symlink to a symlink');
    throw missing(path, error);
  }
}

function openPlain(path: string): number {
  return openSync(
    path,
    constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY,
  );
}

/** Bytes of an open file, from its start unless told; fewer where it is shorter. */
export function readHead(fd: number, length: number, from = 0): Buffer {
  const head = Buffer.alloc(length);
  let have = 0;
  for (let got = 1; got > 0 && have < length; have += got)
    got = readSync(fd, head, have, length - have, from + have);
  return head.subarray(0, have);
}

interface Reading {
  readonly task: string;
  readonly subject: string;
  readonly size: number;
  /** Descriptor of a copy that is written on the way. */
  readonly to?: number;
}

/** SHA-256 of exactly `size` bytes from the start. A file that turns out shorter, or goes on, changed under us: source-unreadable. */
export async function hashFile(
  ctx: Context,
  fd: number,
  { task, subject, size, to }: Reading,
): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(2 ** 20);
  let at = 0;
  for (;;) {
    if (ctx.signal.aborted) throw new NanolinError('cancelled', `reading ${subject} was stopped`);
    ctx.progress({ task, subject, done: at, total: size });
    const { bytesRead } = await readAt(fd, buffer, 0, buffer.length, at);
    if (bytesRead === 0) break;
    at += bytesRead;
    if (at > size) break;
    const part = buffer.subarray(0, bytesRead);
    hash.update(part);
    if (to !== undefined) await writeWhole(to, part);
  }
  if (at !== size) throw unreadable(subject, 'changed while it was read');
  return hash.digest('hex');
}

async function writeWhole(fd: number, part: Buffer): Promise<void> {
  try {
    for (let at = 0; at < part.length; ) at += (await writeAt(fd, part, at, part.length - at)).bytesWritten;
  } catch (error) {
    throw asNanolinError(error);
  }
}

function missing(path: string, error: unknown): NanolinError {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR')
    return new NanolinError(
      'source-missing',
      `${path} does not exist`,
      'a package from apt is written deb:NAME',
      { cause: error },
    );
  if (code === 'ENXIO') return unreadable(path, 'is neither a regular file nor a directory');
  return asNanolinError(error);
}

function unreadable(path: string, why: string): NanolinError {
  return new NanolinError(
    'source-unreadable',
    `${path} ${why}`,
    'a layer comes from a directory, a tar archive, a .deb, deb:NAME, an OCI layout or an image',
  );
}
