import { NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';
import { releaseExtracted } from './extracted.ts';
import { answers, findLayer } from './list.ts';
import { unstoreImage } from './store.ts';
import type { Layer } from './types.ts';

interface Removal {
  /** Why an image cannot go, in words; null when nothing uses it. */
  readonly inUse: (image: string) => string | null;
}

/** Takes one layer out of the store, with the tree that was extracted of it. Throws layer-missing, layer-in-use, or usage where the query means several. */
export async function removeLayer(ctx: Context, query: string, { inUse }: Removal): Promise<Layer> {
  const layer = await findLayer(ctx, query);
  const all = answers(ctx, query);
  if (all.length > 1)
    throw new NanolinError(
      'usage',
      `${JSON.stringify(query)} means ${all.length} layers: ${all.map(({ image }) => image).join(', ')}`,
      'name one of the images',
    );
  const why = inUse(layer.image);
  if (why !== null)
    throw new NanolinError('layer-in-use', `${layer.image} is in use: ${why}`, 'disable it first');
  await unstoreImage(ctx, layer.image);
  await releaseExtracted(ctx);
  return layer;
}
