import { type HeldBy, holdersOf as processesHolding } from '../kernel/index.ts';
import type { Retired } from './record.ts';
import type { Holder } from './types.ts';

/** Who has something open, mapped, as working directory, root or executable of these mounts. One walk over /proc. */
export function holdersOf(
  mounts: readonly Retired[],
  only: (held: HeldBy) => boolean = () => true,
): Holder[] {
  if (mounts.length === 0) return [];
  const generations = new Map(mounts.map(mount => [mount.identity.id, mount]));
  const holders: Holder[] = [];
  for (const { pid, command, held } of processesHolding([...generations.keys()])) {
    const paths = new Map<number, Set<string>>();
    for (const one of held) {
      const mount = generations.get(one.mount);
      if (!mount || !only(one) || !sameMount(mount, one)) continue;
      paths.set(mount.generation, (paths.get(mount.generation) ?? new Set()).add(one.path));
    }
    for (const [generation, found] of paths)
      holders.push({ pid, command, generation, paths: [...found].sort() });
  }
  return holders;
}

/** The plain mount id is used again once the mount is gone; the unique one, where the kernel has it, never is. */
function sameMount(mount: Retired, held: HeldBy): boolean {
  return mount.identity.unique === null || held.unique === null || held.unique === mount.identity.unique;
}
