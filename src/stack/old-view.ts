import { type Mount, nestedBelow } from '../kernel/index.ts';
import { isOurs, typeOfBackend } from './mounted.ts';
import type { NamespaceView } from './namespaces.ts';
import type { MountRecord } from './record.ts';
import type { OldView } from './types.ts';

/** What tells a stack of ours from any other mount, in every namespace. */
type Marked = Pick<MountRecord, 'generation' | 'source'> & { readonly target: string };

/**
 * Where the stacks that are about to go will stay in sight. An unmount reaches another namespace's copy only when the copy lies at
 * the same place of a mount that is a peer or a slave of ours (mount_namespaces(7)), and it takes the copy only when all that is
 * mounted inside goes with it (propagate_umount in fs/pnode.c).
 */
export function viewsToStay(
  [here, ...others]: readonly [NamespaceView, ...NamespaceView[]],
  going: readonly MountRecord[],
): OldView[] {
  const masters = mastersIn([here, ...others]);
  return going.flatMap(record => {
    const ours = here.mounts.find(mount => isOurs(mount, record));
    if (ours === undefined) return [];
    const goes = new Set(
      inside(here.mounts, ours).map(mount => mount.mountPoint.slice(ours.mountPoint.length)),
    );
    return oldViews(others, record, (copy, mounts) => {
      const nested = inside(mounts, copy);
      if (!samePlace(here.mounts, ours, mounts, copy, masters)) return nested;
      const taken = reaches(ours, copy, masters) ? goes : new Set();
      const left = nested.filter(mount => !taken.has(mount.mountPoint.slice(copy.mountPoint.length)));
      return left.length > 0 ? left : null;
    });
  });
}

/** Where stacks that went are still mounted. */
export function viewsThatStayed([, ...others]: readonly NamespaceView[], gone: readonly Marked[]): OldView[] {
  const each = new Map(gone.map(stack => [stack.source, stack]));
  return [...each.values()].flatMap(stack => oldViews(others, stack, (copy, mounts) => inside(mounts, copy)));
}

/** One for each namespace; `keeps` answers what is mounted inside a copy that stays, null for one that goes. */
function oldViews(
  views: readonly NamespaceView[],
  { generation, source, target }: Marked,
  keeps: (copy: Mount, mounts: readonly Mount[]) => readonly Mount[] | null,
): OldView[] {
  const found = new Map<number, OldView>();
  for (const { namespace, pid, command, mounts } of views) {
    const kept = mounts.flatMap(mount => (isCopy(mount, source) ? [keeps(mount, mounts)] : []));
    const staying = kept.filter(nested => nested !== null);
    if (staying.length === 0) continue;
    const before = found.get(namespace) ?? { namespace, pid, command, target, generation, nested: [] };
    const nested = new Set([...before.nested, ...staying.flat().map(({ mountPoint }) => mountPoint)]);
    found.set(namespace, { ...before, nested: [...nested].sort() });
  }
  return [...found.values()];
}

const ourTypes: readonly string[] = Object.values(typeOfBackend);

export function isCopy(mount: Mount, source: string): boolean {
  return ourTypes.includes(mount.type) && mount.source === source;
}

/** What lies on the root of a mount hides it, and slides down when it goes: it holds nothing. */
function inside(mounts: readonly Mount[], { id, mountPoint }: Mount): Mount[] {
  return nestedBelow(mounts, id).filter(mount => mount.mountPoint !== mountPoint);
}

type Masters = ReadonlyMap<string, string>;

/** Which peer group is a slave of which. */
function mastersIn(views: readonly NamespaceView[]): Masters {
  const masters = new Map<string, string>();
  for (const { mounts } of views)
    for (const mount of mounts) {
      const group = groupOf(mount, 'shared');
      const master = groupOf(mount, 'master');
      if (group !== undefined && master !== undefined) masters.set(group, master);
    }
  return masters;
}

function samePlace(
  here: readonly Mount[],
  ours: Mount,
  there: readonly Mount[],
  copy: Mount,
  masters: Masters,
): boolean {
  const parent = here.find(mount => mount.id === ours.parent);
  const other = there.find(mount => mount.id === copy.parent);
  return (
    parent !== undefined &&
    other !== undefined &&
    reaches(parent, other, masters) &&
    placeIn(parent, ours) === placeIn(other, copy)
  );
}

/** Does what happens on `mount` happen on `other` too? */
function reaches(mount: Mount, other: Mount, masters: Masters): boolean {
  const group = groupOf(mount, 'shared');
  if (group === undefined) return false;
  if (groupOf(other, 'shared') === group) return true;
  for (let at = groupOf(other, 'master'); at !== undefined; at = masters.get(at))
    if (at === group) return true;
  return false;
}

function groupOf(mount: Mount, kind: 'shared' | 'master'): string | undefined {
  return mount.propagation.find(tag => tag.startsWith(`${kind}:`))?.slice(kind.length + 1);
}

/** Path of the mount point in the file system of the mount that it is on. */
function placeIn(parent: Mount, { mountPoint }: Mount): string {
  const path = mountPoint.slice(parent.mountPoint === '/' ? 0 : parent.mountPoint.length);
  return parent.root === '/' ? path : parent.root + path;
}
