import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { asNanolinError, NanolinError } from '../error/index.ts';
import { native } from '../kernel/index.ts';
import { attachLayer, type Layer, readManifest } from '../layer/index.ts';
import { liveTree, manifestTree } from '../ownership/index.ts';
import type { LayerRef } from '../stack/index.ts';
import type { Context } from '../state/index.ts';
import { compareTrees, type Difference } from './compare.ts';
import type { Session } from './session.ts';
import { shown } from './shown.ts';
import type { LayerVerdict } from './types.ts';

/** Reads each layer in a mount of its own that nobody else sees, and compares all that is in it with its manifest. */
export async function deepVerify(
  { ctx }: Session,
  layers: readonly (LayerRef | Layer)[],
): Promise<LayerVerdict[]> {
  const verdicts: LayerVerdict[] = [];
  for (const layer of layers) {
    const { name, version, image } = layer;
    const found = await differences(ctx, layer).catch(thrown => {
      const error = asNanolinError(thrown);
      if (error.code === 'cancelled' || error.code === 'bug') throw error;
      return error;
    });
    verdicts.push(
      found instanceof NanolinError
        ? { layer: name, version, image, ok: false, message: found.message, differences: [] }
        : {
            layer: name,
            version,
            image,
            ok: found.length === 0,
            message: null,
            differences: found.map(({ path, kind }) => ({ path: `/${shown(path)}`, kind })),
          },
    );
  }
  return verdicts;
}

async function differences(ctx: Context, layer: LayerRef): Promise<Difference[]> {
  const manifest = manifestTree(readManifest(ctx, layer), '');
  const { fd, way } = await attachLayer(ctx, layer);
  try {
    const root = `/proc/self/fd/${fd}`;
    const { found: all, files } = compareTrees(liveTree(root, native), manifest);
    // Where the kernel does not mount the image, owners, modes and attributes are the reader's doing or our own.
    const whole = way === 'file-backed' || way === 'loop';
    const found = whole ? all : all.filter(({ kind }) => kind !== 'attributes');
    const total = files.reduce((sum, { size }) => sum + size, 0);
    let done = 0;
    await atOnce(files, async ({ path, size, sha256 }) => {
      if (ctx.signal.aborted) throw new NanolinError('cancelled', `reading ${layer.name} was stopped`);
      ctx.progress({ task: 'verify', subject: layer.name, done, total });
      if ((await digest(Buffer.from(`${root}/${path}`, 'latin1'))) !== sha256)
        found.push({ path, kind: 'content' });
      done += size;
    });
    return found.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  } finally {
    native.close(fd);
  }
}

/** As many as there are processors. The first error ends it, when all have stopped: nobody reads on in a mount that is gone. */
async function atOnce<T>(things: readonly T[], act: (thing: T) => Promise<void>): Promise<void> {
  const queue = things.values();
  const errors: unknown[] = [];
  const work = async () => {
    for (const thing of queue) if (errors.length === 0) await act(thing).catch(thrown => errors.push(thrown));
  };
  await Promise.all(Array.from({ length: availableParallelism() }, work));
  if (errors.length > 0) throw errors[0];
}

/** Bytes that are hashed at once in a thread of their own; what is longer goes through this one piece by piece. */
const whole = 8 * 1024 * 1024;

async function digest(path: Buffer): Promise<string> {
  await using file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  const { size } = await file.stat();
  if (size <= whole) {
    const bytes = await file.readFile();
    return Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
  }
  const hash = createHash('sha256');
  const piece = Buffer.allocUnsafe(1024 * 1024);
  for (;;) {
    const { bytesRead } = await file.read(piece, 0, piece.length);
    if (bytesRead === 0) return hash.digest('hex');
    hash.update(piece.subarray(0, bytesRead));
  }
}
