import { readFileSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { compareStamps, compareVersions, matches, parseManifest, parseQuery } from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { readRecords } from './layer-index.ts';
import type { LayerRecord } from './record.ts';
import { listPath } from './store.ts';
import type { Layer } from './types.ts';

/** Every layer of the store, by name, then lowest version and stamp first. */
export async function listLayers(ctx: Context): Promise<LayerRecord[]> {
  return [...readRecords(ctx).values()].sort(inOrder);
}

/** The layer that a query means: highest version, then latest stamp. Throws layer-missing or usage. */
export async function findLayer(ctx: Context, query: string): Promise<LayerRecord> {
  const found = answers(ctx, query).at(-1);
  if (!found)
    throw new NanolinError(
      'layer-missing',
      `no layer answers ${JSON.stringify(query)}`,
      'nanolin layer list shows what is there, nanolin layer import brings more',
    );
  return found;
}

/** The manifest's bytes. Throws layer-missing. */
export function readManifest(ctx: Context, { name, image }: Pick<Layer, 'name' | 'image'>): Buffer {
  try {
    return readFileSync(listPath(ctx, image));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new NanolinError(
      'layer-missing',
      `the manifest of ${name} is not in the store`,
      'import the layer again',
      { cause: error },
    );
  }
}

/** Absolute paths of what a layer holds, directories with a slash at the end. Bytes that are not UTF-8 show as U+FFFD. */
export async function showFiles(ctx: Context, layer: Pick<Layer, 'name' | 'image'>): Promise<string[]> {
  const { entries } = parseManifest(readManifest(ctx, layer), { file: basename(listPath(ctx, layer.image)) });
  return entries
    .filter(({ path }) => path !== '')
    .map(({ path, type }) => `/${Buffer.from(path, 'latin1').toString('utf8')}${type === 'dir' ? '/' : ''}`);
}

/** What answers a query, best last: an image's base name, a path into the store, or a name with or without a version. */
export function answers(ctx: Context, query: string): LayerRecord[] {
  const records = readRecords(ctx);
  const exact = records.get(query) ?? records.get(`${query}.img`);
  if (exact) return [exact];
  const parsed = parseQuery(query);
  if (parsed.kind === 'name')
    return [...records.values()].filter(layer => matches(parsed, layer)).sort(inOrder);
  const inStore = resolve(dirname(parsed.path)) === resolve(ctx.paths.layers);
  const record = inStore ? records.get(basename(parsed.path)) : undefined;
  return record ? [record] : [];
}

function inOrder(a: Layer, b: Layer): number {
  return (
    (a.name < b.name ? -1 : a.name > b.name ? 1 : 0) ||
    compareVersions(a.version, b.version) ||
    compareStamps(a.stamp, b.stamp)
  );
}
