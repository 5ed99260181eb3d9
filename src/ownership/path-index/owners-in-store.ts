import { createHash } from 'node:crypto';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { asNanolinError, type ErrorCode } from '../../error/index.ts';
import { native } from '../../kernel/index.ts';
import { type LayerRecord, listLayers, listPath, readManifest } from '../../layer/index.ts';
import type { Context } from '../../state/index.ts';
import { manifestTree } from '../manifest-tree.ts';
import type { PathIndex, PathOwner } from './types.ts';

/** Who of all layers of the store, in a stack or not, brings a path. */
export interface StoreOwners extends Disposable {
  /** By name, then version, lowest first. The path is a byte string as in a manifest: from the root of the image, without a slash in front. */
  lookup(path: string): PathOwner[];
}

/**
 * Entries of all layers together from which an index is worth its build: below, the manifests are read in less time than a node
 * takes to start (200,000 entries are some 30 MB).
 */
const worthAnIndex = 200_000;

export async function ownersInStore(ctx: Context, path: string): Promise<PathOwner[]> {
  using owners = await openStoreOwners(ctx);
  return owners.lookup(path);
}

/**
 * For many look-ups at one state of the store. A large store is looked up in an index below state/index, which is built when it is missing,
 * damaged or of another set of manifests; where it cannot be built (no right to, no space, another process is at it) the manifests
 * answer. Throws image-changed where a manifest is not what was written at the import.
 */
export async function openStoreOwners(ctx: Context, enough = worthAnIndex): Promise<StoreOwners> {
  const layers = await listLayers(ctx);
  const entries = layers.reduce((sum, { files }) => sum + files, 0);
  return (entries < enough ? null : await freshIndex(ctx, layers)) ?? new Manifests(ctx, layers);
}

class Manifests implements StoreOwners {
  readonly #ctx: Context;
  readonly #layers: readonly LayerRecord[];

  constructor(ctx: Context, layers: readonly LayerRecord[]) {
    this.#ctx = ctx;
    this.#layers = layers;
  }

  lookup(path: string): PathOwner[] {
    return this.#layers
      .filter(layer => {
        const entry = manifestTree(readManifest(this.#ctx, layer), '').entry(path);
        return entry !== null && entry.kind !== 'whiteout';
      })
      .map(ownerOf);
  }

  [Symbol.dispose](): void {}
}

async function freshIndex(ctx: Context, layers: readonly LayerRecord[]): Promise<PathIndex | null> {
  const { openPathIndex } = await import('./open.ts');
  const directory = join(ctx.paths.state, 'index');
  const file = join(directory, 'paths');
  const digest = digestOf(layers);
  const open = () => {
    try {
      const index = openPathIndex(file);
      if (index.digest === digest) return index;
      index.close();
    } catch (error) {
      ctx.log.debug({ file }, `no path index: ${(error as Error).message}`);
    }
    return null;
  };
  return open() ?? ((await rebuild(ctx, directory, file, layers, digest)) ? open() : null);
}

async function rebuild(
  ctx: Context,
  directory: string,
  file: string,
  layers: readonly LayerRecord[],
  digest: string,
): Promise<boolean> {
  const [{ buildPathIndex }, { manifestPaths }] = await Promise.all([
    import('./build.ts'),
    import('./manifest-paths.ts'),
  ]);
  const sources = layers.map(layer => ({
    owner: ownerOf(layer),
    paths: manifestPaths(listPath(ctx, layer.image), layer.manifest),
  }));
  const total = layers.reduce((sum, { files }) => sum + files, 0);
  try {
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    using lock = lockBuild(join(directory, 'lock'));
    if (!lock) return false;
    await buildPathIndex(file, sources, {
      digest,
      signal: ctx.signal,
      progress: done => ctx.progress({ task: 'index', subject: 'paths', done: Math.min(done, total), total }),
    });
    return true;
  } catch (error) {
    const { code, message } = asNanolinError(error);
    if (!isOfTheDisk.has(code)) throw error;
    ctx.log.debug({ file }, `the path index was not built: ${message}`);
    return false;
  }
}

const isOfTheDisk: ReadonlySet<ErrorCode> = new Set(['io', 'needs-rights', 'no-space']);

/** Null while another process builds. The lock goes with the process. */
function lockBuild(path: string): Disposable | null {
  const fd = openSync(path, 'a', 0o600);
  if (native.flockTry(fd, true)) return { [Symbol.dispose]: () => closeSync(fd) };
  closeSync(fd);
  return null;
}

/** Of what the index is over: another manifest or another order is another set. */
function digestOf(layers: readonly LayerRecord[]): string {
  const hash = createHash('sha256').update('nanolin path index 1\0');
  for (const { image, manifest } of layers) hash.update(`${image}\0${manifest}\n`);
  return hash.digest('hex');
}

function ownerOf({ name, version }: LayerRecord): PathOwner {
  return { layer: name, version };
}
