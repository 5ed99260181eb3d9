import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { packageFrom, parseRecipe } from '../formats/index.ts';
import { listLayers } from '../layer/index.ts';
import type { LayerRef } from '../stack/index.ts';
import { type Context, type Document, document } from '../state/index.ts';
import { keySource, type Said, saidBy } from './install-source.ts';
import type { Candidate } from './universe.ts';

/** A package that was installed: its layer may be off for now. */
export interface PackageRecord {
  readonly name: string;
  /** Base name of the image in the store. */
  readonly image: string;
  /** Installed by name, not because another needs it. */
  readonly asked: boolean;
  readonly source: string;
  /** It was agreed that it speaks for names of other sources. */
  readonly crossing: boolean;
}

/** A layer of the store as a package. */
export interface Stored extends Candidate, Said {
  readonly layer: LayerRef;
  /** There is a recipe beside the image. */
  readonly described: boolean;
}

export function packageRecords(ctx: Context): Document<{ packages: readonly PackageRecord[] }> {
  return document(join(ctx.paths.state, 'packages.json'), { schema: 1, empty: { packages: [] } });
}

/** Every layer of the store, with what the recipe beside its image says; one without a recipe relates to nothing. */
export async function storedPackages(ctx: Context, records: readonly PackageRecord[]): Promise<Stored[]> {
  const sources = new Map(records.map(({ image, source }) => [image, source]));
  return (await listLayers(ctx)).map(layer => ({
    name: layer.name,
    version: layer.version,
    stamp: layer.stamp,
    source:
      sources.get(layer.image) ??
      (layer.signer === undefined ? 'the store' : keySource(layer.signedBy ?? '', layer.signer)),
    ...storedRecipe(ctx, layer.image),
    layer,
  }));
}

/** A layer that is on and that the store has lost: it stays on as it is. */
export function lostPackage(layer: LayerRef): Stored {
  const { name, version, stamp } = layer;
  return { name, version, stamp, source: 'the store', ...saidBy(null), described: false, layer };
}

/** Where the recipe of a stored image is kept. */
export const recipePlace = (ctx: Context, image: string): string =>
  join(ctx.paths.layers, image.replace(/\.img$/, '.rcp'));

function storedRecipe(ctx: Context, image: string): Said & { described: boolean } {
  const file = recipePlace(ctx, image);
  const described = existsSync(file);
  return { ...saidBy(described ? packageFrom(parseRecipe(readFileSync(file), { file })) : null), described };
}
