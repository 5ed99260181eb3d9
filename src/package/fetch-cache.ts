import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  createReadStream,
  fchmodSync,
  fsyncSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { asNanolinError, NanolinError } from '../error/index.ts';
import { type Context, syncDirectory } from '../state/index.ts';

/** Largest source that is taken, in bytes. */
export const maxSource = 4 * 2 ** 30;

/** Sources by their SHA-256. Nobody has to trust what lies there: it is hashed again when it is used. */
export const cachePath = (ctx: Context, sha256: string): string => join(ctx.paths.state, 'sources', sha256);

/** For what is on its way, by a name of the fetcher's; the same name finds what an earlier try brought. */
export function partialPath(ctx: Context, name: string): string {
  const directory = join(ctx.paths.state, 'sources/partial');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  return join(directory, name);
}

/** A directory of one fetch that works with programs. */
export function scratchDirectory(ctx: Context): string {
  const path = partialPath(ctx, randomBytes(8).toString('hex'));
  mkdirSync(path, { mode: 0o700 });
  return path;
}

export async function hashOf(ctx: Context, path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { highWaterMark: 2 ** 20, signal: ctx.signal }))
    hash.update(part);
  return hash.digest('hex');
}

/** Takes a complete file into the cache, synced before it has its name. */
export function adopt(ctx: Context, from: string, sha256: string): void {
  const fd = openSync(from, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    fchmodSync(fd, 0o444);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(from, cachePath(ctx, sha256));
  syncDirectory(join(ctx.paths.state, 'sources'));
}

/**
 * Copies a cached source to `to` and hashes it on the way. False where it is not cached, or is not what it was: then it is removed, to be
 * fetched again.
 */
export async function copyFromCache(ctx: Context, sha256: string, to: string): Promise<boolean> {
  const from = cachePath(ctx, sha256);
  const hash = createHash('sha256');
  let out: number | null = null;
  try {
    for await (const part of createReadStream(from, { highWaterMark: 2 ** 20, signal: ctx.signal })) {
      out ??= openSync(to, 'wx', 0o644);
      hash.update(part);
      for (let at = 0; at < part.length; ) at += writeSync(out, part, at);
    }
    out ??= openSync(to, 'wx', 0o644);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    if (ctx.signal.aborted) throw new NanolinError('cancelled', 'copying a source was stopped');
    throw asNanolinError(error);
  } finally {
    if (out !== null) closeSync(out);
  }
  chmodSync(to, 0o644);
  if (hash.digest('hex') === sha256) return true;
  rmSync(from, { force: true });
  rmSync(to, { force: true });
  return false;
}
