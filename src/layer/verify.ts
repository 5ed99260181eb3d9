import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';
import { findLayer, listLayers, readManifest } from './list.ts';
import { checkFile, checkSigner, openImage, rehash } from './open.ts';
import type { LayerRecord } from './record.ts';
import type { Layer } from './types.ts';

export interface Verdict {
  readonly layer: Layer;
  readonly ok: boolean;
  readonly message: string | null;
}

/** Reads every byte of the images (all of them without queries) and of their manifests, and compares with the record. */
export async function verifyLayers(ctx: Context, queries: readonly string[]): Promise<Verdict[]> {
  const layers =
    queries.length === 0
      ? await listLayers(ctx)
      : await Promise.all(queries.map(query => findLayer(ctx, query)));
  const verdicts: Verdict[] = [];
  for (const layer of layers) {
    const message = await problemOf(ctx, layer);
    verdicts.push({ layer, ok: message === null, message });
  }
  return verdicts;
}

async function problemOf(ctx: Context, layer: LayerRecord): Promise<string | null> {
  try {
    checkSigner(ctx, layer);
    const fd = openImage(ctx, layer);
    try {
      checkFile(ctx, layer, fd);
      if ((await rehash(ctx, fd, layer)) !== layer.digest)
        return `the image of ${layer.name} is not what was imported`;
    } finally {
      closeSync(fd);
    }
    const digest = createHash('sha256').update(readManifest(ctx, layer)).digest('hex');
    return digest === layer.manifest
      ? null
      : `the manifest of ${layer.name} is not what was written at the import`;
  } catch (error) {
    if (error instanceof NanolinError && error.code !== 'cancelled') return error.message;
    throw error;
  }
}
