import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { asNanolinError, NanolinError } from '../../error/index.ts';
import { isSha256 } from '../../formats/index.ts';
import { syncDirectory } from '../../state/index.ts';
import { maxKey } from './block.ts';
import { ownerKey, printOwner, printOwners } from './keys.ts';
import { mergeKeys } from './merge.ts';
import { Runs } from './runs.ts';
import { printTrailer } from './trailer.ts';
import type { Root } from './tree.ts';
import { type Sink, TreeWriter } from './tree-write.ts';
import type { PathOwner, PathSource } from './types.ts';

export interface BuildOptions {
  /** SHA-256 of the set of sources, by which a stale index is told. */
  readonly digest: string;
  readonly signal?: AbortSignal;
  /** Paths taken in so far. */
  readonly progress?: (paths: number) => void;
}

/** zlib's level: Debian main takes 43 MB, and 46 MB at 1, which is not built sooner. */
const effort = 6;

/**
 * Writes an index beside `file`, fsyncs it and puts it in place: readers have the old one or the new one. Memory does not grow with the
 * number of paths. One builder at a time for one file. Throws `image-invalid` for a path that no manifest may hold.
 */
export async function buildPathIndex(
  file: string,
  sources: Iterable<PathSource>,
  options: BuildOptions,
): Promise<void> {
  if (!isSha256(options.digest)) throw new NanolinError('bug', `${options.digest} is no SHA-256`);
  const directory = dirname(file);
  const temporary = join(directory, `.${basename(file)}.new`);
  try {
    using runs = new Runs(join(directory, `.${basename(file)}.runs.new`));
    const rest = new Rest(options);
    const owners = await collect(sources, runs, rest);
    const sink = { fd: openSync(temporary, 'w', 0o644), offset: 0 };
    try {
      const root = await writeTree(sink, owners, runs, rest);
      writeSync(sink.fd, printTrailer({ digest: options.digest, root }), 0, null, sink.offset);
      fsyncSync(sink.fd);
    } finally {
      closeSync(sink.fd);
    }
    renameSync(temporary, file);
    syncDirectory(directory);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw asNanolinError(error);
  }
}

async function collect(sources: Iterable<PathSource>, runs: Runs, rest: Rest): Promise<PathOwner[]> {
  const owners: PathOwner[] = [];
  for (const { owner, paths } of sources) {
    const number = owners.push(owner) - 1;
    if (Symbol.iterator in paths) {
      // A turn of the microtask queue for each path would take longer than the path.
      for (const path of paths) {
        runs.add(keyOf(path, owner), number);
        if (rest.isDue()) await rest.take();
      }
    } else {
      for await (const path of paths) {
        runs.add(keyOf(path, owner), number);
        if (rest.isDue()) await rest.take();
      }
    }
  }
  return owners;
}

async function writeTree(sink: Sink, owners: readonly PathOwner[], runs: Runs, rest: Rest): Promise<Root> {
  const tree = new TreeWriter(sink, effort);
  for (const [number, owner] of owners.entries()) tree.add(ownerKey(number), printOwner(owner));
  for (const { key, owners } of mergeKeys(runs.sorted())) {
    tree.add(Buffer.from(key, 'latin1'), printOwners(owners));
    if (rest.isDue()) await rest.take();
  }
  return tree.end();
}

function keyOf(path: string, { layer }: PathOwner): string {
  if (path.length >= maxKey || /[\0\u0100-\uffff]/.test(path))
    throw new NanolinError(
      'image-invalid',
      `a path of ${layer} is too long, holds a NUL or is no byte string`,
    );
  return `/${path}`;
}

/** Lets the event loop have its turn every 20 ms, and ends the work when it is to end. */
class Rest {
  readonly #options: BuildOptions;
  #steps = 0;
  #resume = performance.now() + 20;

  constructor(options: BuildOptions) {
    this.#options = options;
  }

  isDue(): boolean {
    return ++this.#steps % 1024 === 0 && performance.now() > this.#resume;
  }

  async take(): Promise<void> {
    this.#options.progress?.(this.#steps);
    await setImmediate();
    if (this.#options.signal?.aborted)
      throw new NanolinError('cancelled', 'building the path index was stopped');
    this.#resume = performance.now() + 20;
  }
}
