import { basename } from 'node:path';
import { NanolinError } from '../error/index.ts';
import {
  compareStamps,
  compareVersions,
  type LayerQuery,
  matches,
  nearest,
  parseImageName,
  printQuery,
} from '../formats/index.ts';
import type { Layer } from '../layer/types.ts';

/**
 * The layer that answers a query: of those that match, the highest version, then the newest stamp. A path is answered by
 * the layer that was imported from it, or that has its file name: only what is in the store is ever stacked.
 */
export function pickLayer(query: LayerQuery, store: readonly Layer[]): Layer | null {
  let best: Layer | null = null;
  for (const layer of store) {
    if (!answers(query, layer)) continue;
    if (best === null || compare(layer, best) > 0) best = layer;
  }
  return best;
}

function answers(query: LayerQuery, layer: Layer): boolean {
  if (query.kind === 'name') return matches(query, layer);
  return layer.origin === query.path || layer.image === basename(query.path);
}

function compare(a: Layer, b: Layer): number {
  return compareVersions(a.version, b.version) || compareStamps(a.stamp, b.stamp);
}

/** The name a query is about, as far as the query alone tells: one version of a name is on at a time. */
export function queryName(query: LayerQuery): string {
  return query.kind === 'name' ? query.name : (parseImageName(basename(query.path))?.name ?? query.path);
}

/** `layer-missing` for a query that nothing answers, with what there is of that name, or the nearest name. */
export function layerMissing(query: LayerQuery, store: readonly Layer[]): NanolinError {
  const text = printQuery(query);
  if (query.kind === 'path')
    return new NanolinError(
      'layer-missing',
      `${text}: no layer in the store was imported from it`,
      `nanolin layer import ${text}`,
    );
  const versions = store.filter(layer => layer.name === query.name).sort((a, b) => compare(b, a));
  if (versions.length > 0) {
    const has = [...new Set(versions.map(layer => layer.version))].join(', ');
    const source = query.op === '=' ? `, or the package's own version: apt-cache madison ${query.name}` : '';
    return new NanolinError(
      'layer-missing',
      `${text}: the store has ${query.name} ${has}`,
      `nanolin layer import deb:${query.name}${source}`,
    );
  }
  const close = nearest(query.name, [...new Set(store.map(layer => layer.name))]);
  const meant = close === null ? '' : `; did you mean ${close}?`;
  return new NanolinError(
    'layer-missing',
    `${text}: the store has no layer of that name`,
    `nanolin layer import deb:${query.name}${meant}`,
  );
}
