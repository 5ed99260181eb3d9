import type { BuildOptions } from './build.ts';
import type { PathIndex, PathSource } from './types.ts';

export type { BuildOptions } from './build.ts';
export { openStoreOwners, ownersInStore, type StoreOwners } from './owners-in-store.ts';
export type { PathIndex, PathOwner, PathSource } from './types.ts';

/** See build.ts. Loaded when it is called, as all that follows: a switch needs none of it. */
export async function buildPathIndex(
  file: string,
  sources: Iterable<PathSource>,
  options: BuildOptions,
): Promise<void> {
  return (await import('./build.ts')).buildPathIndex(file, sources, options);
}

/** See open.ts. */
export async function openPathIndex(file: string): Promise<PathIndex> {
  return (await import('./open.ts')).openPathIndex(file);
}
