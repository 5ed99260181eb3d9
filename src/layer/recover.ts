import type { Context } from '../state/index.ts';
import { releaseLayers } from './release.ts';
import { clearImports } from './store.ts';

/** What a crash left of imports, removals and attached layers goes; returns a sentence for each import. Under the lock. */
export async function recoverImports(ctx: Context): Promise<string[]> {
  const done = await clearImports(ctx);
  await releaseLayers(ctx);
  return done;
}
