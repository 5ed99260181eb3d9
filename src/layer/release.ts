import type { Context } from '../state/index.ts';
import { releaseExtracted } from './extracted.ts';
import { releaseImageMounts } from './image-mounts.ts';

/**
 * Gives back what attaching without privilege has made and nobody uses: mounts of images that no stack has open, trees of layers that
 * are gone, and with `needed` (digests, of all recorded generations for example) trees that it does not name. The caller holds the
 * writer's lock.
 */
export async function releaseLayers(ctx: Context, needed?: ReadonlySet<string>): Promise<void> {
  await releaseImageMounts(ctx);
  await releaseExtracted(ctx, needed);
}
