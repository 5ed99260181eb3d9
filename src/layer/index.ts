import type { Context } from '../state/index.ts';
import type { ImportOptions, Layer } from './types.ts';

export { type AttachedLayer, type AttachWay, attachLayer } from './attach.ts';
export { findLayer, listLayers, readManifest, showFiles } from './list.ts';
export { type OpenImage, openVerified, openVerifiedSync } from './open.ts';
export { type Identity, type LayerRecord, sameIdentity } from './record.ts';
export { recoverImports } from './recover.ts';
export { releaseLayers } from './release.ts';
export { removeLayer } from './remove.ts';
export { listPath, unknownImages } from './store.ts';
export type { ImportOptions, Layer } from './types.ts';
export { type Verdict, verifyLayers } from './verify.ts';

/** See import.ts. Loaded when it is called: a switch does not need it. */
export async function importLayer(
  ctx: Context,
  source: string,
  options: ImportOptions = {},
): Promise<Layer[]> {
  return (await import('./import.ts')).importLayer(ctx, source, options);
}

/** What importing is made of, for who makes a tree himself. Loaded when it is called, as above. */
export const loadMaking = (): Promise<typeof import('./making.ts')> => import('./making.ts');

export type { Sealed } from './keep.ts';
