import { type HeldBy, heldBy } from '../kernel/index.ts';
import type { Retired } from './record.ts';
import type { Holder } from './types.ts';

/** Who has something open, mapped, as working directory, root or executable of these mounts. One walk over /proc. */
export function holdersOf(
  mounts: readonly Retired[],
  only: (held: HeldBy) => boolean = () => true,
): Holder[] {
  if (mounts.length === 0) return [];
  const generations = new Map(mounts.map(mount => [mount.identity.id, mount]));
  const byProcess = new Map<
    string,
    { pid: number; command: string; generation: number; paths: Set<string> }
  >();
  for (const held of heldBy([...generations.keys()])) {
    const mount = generations.get(held.mount);
    if (!mount || !only(held)) continue;
    // The plain mount id is used again once the mount is gone; the unique one never is.
    if (mount.identity.unique !== null && held.unique !== null && held.unique !== mount.identity.unique)
      continue;
    const key = `${held.pid} ${mount.generation}`;
    const holder = byProcess.get(key) ?? {
      pid: held.pid,
      command: held.command,
      generation: mount.generation,
      paths: new Set(),
    };
    holder.paths.add(held.path);
    byProcess.set(key, holder);
  }
  return [...byProcess.values()].map(holder => ({ ...holder, paths: [...holder.paths].sort() }));
}
