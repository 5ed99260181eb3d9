import { readFileSync } from 'node:fs';
import {
  AT_FDCWD,
  type HeldBy,
  type Mount,
  type MountIdentity,
  native,
  holdersOf as processesHolding,
} from '../kernel/index.ts';
import { type NamespaceView, namespacesWith } from './namespaces.ts';
import { isCopy, viewsThatStayed, viewsToStay } from './old-view.ts';
import type { MountRecord, Retired } from './record.ts';
import type { Held, Holder, OldView } from './types.ts';
import { outdatedIn } from './unions.ts';
import { unitIn } from './unit.ts';

/** What pins stacks, and where they will stay in sight. */
export interface Going {
  /** Our mounts and every copy of them, in this namespace and in others. */
  readonly mounts: readonly Retired[];
  readonly namespaces: readonly OldView[];
}

/** To be asked while the stacks are still mounted: a swap takes the copies off too, and then nothing tells their ids. */
export function aboutToGo(records: readonly MountRecord[]): Going {
  if (records.length === 0) return { mounts: [], namespaces: [] };
  const views = namespacesWith(new Set(records.map(({ source }) => source)));
  return {
    mounts: records.flatMap(({ generation, identity, source, target }) => {
      const own = { generation, identity, source, target };
      return [own, ...copiesOf(own, views)];
    }),
    namespaces: viewsToStay(views, records),
  };
}

export interface Pins {
  readonly holders: readonly Holder[];
  readonly namespaces: readonly OldView[];
  /** Those of the given that something still pins. */
  readonly pinned: readonly Retired[];
}

/**
 * Who pins which old generation: processes, and namespaces in which it is still mounted. `standing` are mounts that may show another
 * generation than what is open in them.
 */
export async function pinsOf(retired: readonly Retired[], standing: readonly MountRecord[]): Promise<Pins> {
  const outdated = await outdatedIn(standing);
  if (retired.length + outdated.length === 0) return { holders: [], namespaces: [], pinned: [] };
  const views = namespacesWith(new Set([...retired, ...outdated].map(({ source }) => source)));
  const known = new Set(retired.map(({ identity }) => identity.id));
  // A process of a namespace with the old view may have made a namespace of its own since.
  const copies = [...new Map(retired.map(one => [one.source, one])).values()]
    .flatMap(stack => copiesOf(stack, views))
    .filter(({ identity }) => !known.has(identity.id));
  const copiesInUse = outdated.flatMap(stack => copiesOf(stack, views));
  const holders = holdersOf([...retired, ...copies, ...outdated, ...copiesInUse]);
  const mounted = (source: string) => views.some(({ mounts }) => mounts.some(mount => isCopy(mount, source)));
  return {
    holders,
    namespaces: viewsThatStayed(views, retired),
    pinned: [...retired, ...copies].filter(
      one => mounted(one.source) || holders.some(({ generation }) => generation === one.generation),
    ),
  };
}

/** Who has something open, mapped, as working directory, root or executable of these mounts. One walk over /proc. */
export function holdersOf(
  mounts: readonly Retired[],
  only: (held: HeldBy, path: string) => boolean = () => true,
): Holder[] {
  if (mounts.length === 0) return [];
  const byId = new Map<number, Known[]>();
  for (const mount of mounts) {
    const inodes = mount.inodes === undefined ? null : new Set(mount.inodes);
    byId.set(mount.identity.id, [...(byId.get(mount.identity.id) ?? []), { mount, inodes }]);
  }
  const holders: Holder[] = [];
  for (const { pid, command, held } of processesHolding([...byId.keys()])) {
    const holds = new Map<number, Held[]>();
    for (const one of held) {
      const mount = byId
        .get(one.mount)
        ?.find(({ mount, inodes }) => sameMount(mount, one) && (inodes?.has(one.inode) ?? true))?.mount;
      if (!mount) continue;
      const path = pathOf(one.path, mount.target);
      if (!only(one, path)) continue;
      const found = holds.get(mount.generation) ?? [];
      found.push({ what: one.what, path, writing: one.writing });
      holds.set(mount.generation, found);
    }
    for (const [generation, found] of holds)
      holders.push({
        pid,
        command,
        generation,
        paths: [...new Set(found.map(({ path }) => path))].sort(),
        holds: found,
        unit: unitOf(pid),
      });
  }
  return holders;
}

interface Known {
  readonly mount: Retired;
  /** Null for all that is in it. */
  readonly inodes: ReadonlySet<string> | null;
}

/** The plain mount id is used again once the mount is gone; the unique one, where the kernel has it, never is. */
function sameMount(mount: Retired, held: HeldBy): boolean {
  return mount.identity.unique === null || held.unique === null || held.unique === mount.identity.unique;
}

/** Of a mount that is in no namespace any more the kernel shows paths from its own root. */
function pathOf(shown: string, target: string): string {
  if (shown === target || shown.startsWith(`${target}/`)) return shown;
  return shown === '/' ? target : target + shown;
}

function copiesOf(stack: Retired, views: readonly NamespaceView[]): Retired[] {
  return views.flatMap(view =>
    view.mounts
      .filter(mount => isCopy(mount, stack.source) && mount.id !== stack.identity.id)
      .flatMap(mount => {
        const identity = identityIn(view, mount, stack.identity.unique !== null);
        return identity === null ? [] : [{ ...stack, identity }];
      }),
  );
}

/**
 * A mount that another one hides cannot be asked for its unique id. It is left out where there are such ids: its plain id is soon
 * another mount's, whose users would be named, and hardly a process has something of a hidden mount.
 */
function identityIn({ pid }: NamespaceView, mount: Mount, unique: boolean): MountIdentity | null {
  try {
    const found = native.statxMount(AT_FDCWD, `/proc/${pid}/root${mount.mountPoint}`, 0);
    if (found.id === mount.id) return found;
  } catch {
    // The process ended, or the mount did.
  }
  return unique ? null : { id: mount.id, unique: null, root: true, type: 'dir' };
}

function unitOf(pid: number): string | null {
  try {
    return unitIn(readFileSync(`/proc/${pid}/cgroup`, 'utf8'));
  } catch {
    return null;
  }
}
