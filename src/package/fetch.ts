import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, lstatSync, realpathSync, rmSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { NanolinError } from '../error/index.ts';
import type { GetFile } from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import {
  adopt,
  cachePath,
  copyFromCache,
  hashOf,
  maxSource,
  partialPath,
  scratchDirectory,
} from './fetch-cache.ts';
import { fetchDeb, parseDsc, poolAddresses } from './fetch-debian.ts';
import { download } from './fetch-http.ts';
import { fetchNpm } from './fetch-npm.ts';

export interface FetchOptions {
  /** Path of the recipe: a file: source lies in its directory. */
  readonly recipe: string;
  readonly allowUnpinned?: boolean | undefined;
  /** file: sources from anywhere. */
  readonly allowFiles?: boolean | undefined;
}

/** A source in the cache, and the name that it gets in the build folder. */
export interface Fetched {
  readonly name: string;
  readonly sha256: string;
}

/**
 * Brings the source of one GETFILE into the cache; more than one file for a Debian source package. Without a hash it is refused (code
 * `refused`) unless that is allowed; with one that is not the file's, also refused, with both hashes.
 */
export async function fetchSource(ctx: Context, get: GetFile, options: FetchOptions): Promise<Fetched[]> {
  const place = `${options.recipe}:${get.line}`;
  if (get.sha256 === null && !options.allowUnpinned)
    throw new NanolinError(
      'refused',
      `${place}: GETFILE ${get.url} has no sha256=`,
      '--allow-unpinned fetches it as it is now and prints the hash to pin',
    );
  const sha256 = await fetchFile(ctx, get, options, place);
  const own = { name: get.as, sha256 };
  if (get.source.scheme !== 'debsrc') return [own];
  const { name, version } = get.source;
  const fetched = [own];
  for (const file of parseDsc(cachePath(ctx, sha256))) {
    if (!existsSync(cachePath(ctx, file.sha256)))
      await fromPool(ctx, name, file.name, part =>
        keep(ctx, part, file.sha256, `${name}=${version}: ${file.name}`),
      );
    fetched.push({ name: file.name, sha256: file.sha256 });
  }
  return fetched;
}

/** Puts fetched sources into a build folder, hashed on the way. */
export async function placeSources(ctx: Context, sources: readonly Fetched[], folder: string): Promise<void> {
  for (const { name, sha256 } of sources)
    if (!(await copyFromCache(ctx, sha256, join(folder, name))))
      throw new NanolinError(
        'source-unreadable',
        `${name} is damaged in the cache of sources`,
        'run the command again to fetch it anew',
      );
}

async function fetchFile(ctx: Context, get: GetFile, options: FetchOptions, place: string): Promise<string> {
  const { source, sha256 } = get;
  const beside = source.scheme === 'file' ? judgeFile(source.path, options, place) : null;
  if (sha256 !== null && existsSync(cachePath(ctx, sha256))) return sha256;
  ctx.progress({ task: 'fetch', subject: get.url });
  switch (source.scheme) {
    case 'http':
    case 'https': {
      const part = partialPath(ctx, sha256 ?? createHash('sha256').update(source.url).digest('hex'));
      if (sha256 === null) rmSync(part, { force: true });
      const resumed = existsSync(part);
      await download(ctx, source.url, part);
      // Bytes of an earlier try may have been of another file.
      if (resumed && (await hashOf(ctx, part)) !== sha256) {
        rmSync(part, { force: true });
        await download(ctx, source.url, part);
      }
      return keep(ctx, part, sha256, `${place}: ${get.url}`);
    }
    case 'file': {
      const from = beside ?? '';
      const part = partialPath(ctx, createHash('sha256').update(from).digest('hex'));
      copyFileSync(from, part);
      return keep(ctx, part, sha256, `${place}: ${get.url}`);
    }
    case 'debsrc':
      return fromPool(ctx, source.name, source.file, part => keep(ctx, part, sha256, `${place}: ${get.url}`));
    case 'deb':
      return inScratch(ctx, async directory =>
        keep(
          ctx,
          await fetchDeb(ctx, source.name, source.version, directory),
          sha256,
          `${place}: ${get.url}`,
        ),
      );
    case 'npm':
      return inScratch(ctx, async directory =>
        keep(
          ctx,
          await fetchNpm(ctx, source.name, source.version, directory),
          sha256,
          `${place}: ${get.url}`,
        ),
      );
  }
}

/** Takes a complete file in if it has the hash that it should have. */
async function keep(ctx: Context, part: string, expected: string | null, what: string): Promise<string> {
  const found = await hashOf(ctx, part);
  if (expected !== null && found !== expected) {
    rmSync(part, { force: true });
    throw new NanolinError(
      'refused',
      `${what} has the hash ${found}, and ${expected} is pinned`,
      'somebody changed the file: find out who before you pin the new hash',
    );
  }
  adopt(ctx, part, found);
  return found;
}

/** Tries the pools in turn: only one of them has the file. */
async function fromPool<T>(
  ctx: Context,
  name: string,
  file: string,
  take: (part: string) => Promise<T>,
): Promise<T> {
  let last: unknown;
  for (const pool of await poolAddresses(ctx, name)) {
    const part = partialPath(ctx, file);
    try {
      await download(ctx, `${pool}/${file}`, part);
      return await take(part);
    } catch (error) {
      rmSync(part, { force: true });
      if (!(error instanceof NanolinError) || error.code !== 'source-missing') throw error;
      last = error;
    }
  }
  throw last;
}

async function inScratch<T>(ctx: Context, work: (directory: string) => Promise<T>): Promise<T> {
  const directory = scratchDirectory(ctx);
  try {
    return await work(directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A file: source is a part of its recipe: it lies in the recipe's directory, also after every link is followed. */
function judgeFile(path: string, { recipe, allowFiles }: FetchOptions, place: string): string {
  const home = realpathSync(dirname(recipe));
  const asked = resolve(home, path);
  if (!lstatSync(asked, { throwIfNoEntry: false }))
    throw new NanolinError('source-missing', `${place}: there is no ${asked}`);
  const real = realpathSync(asked);
  if (!allowFiles && !real.startsWith(`${home}/`))
    throw new NanolinError(
      'refused',
      `${place}: file:${path} is not in the directory of its recipe`,
      'put the file beside the recipe, or say --allow-files',
    );
  const stat = statSync(real);
  if (!stat.isFile() || stat.size > maxSource)
    throw new NanolinError(
      'source-unreadable',
      `${place}: ${real} is no regular file, or larger than ${maxSource} bytes`,
    );
  return real;
}
