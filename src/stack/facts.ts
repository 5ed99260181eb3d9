import { lstatSync, readdirSync, realpathSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';
import { type Mount, topmost } from '../kernel/index.ts';
import { isOurs } from './mounted.ts';
import type { MountRecord } from './record.ts';

/** What is at a target before a switch. */
export interface TargetFact {
  readonly path: string;
  /** Ours that cover it, topmost first; more than one only after a crash. */
  readonly covers: readonly MountRecord[];
  /** Mount points under what is visible now, which the next stack must have too. */
  readonly nested: readonly string[];
  /** Mount points under the base, hidden while a stack covers it. */
  readonly hidden: readonly string[];
}

/** Throws target-missing, target-invalid or foreign-mount; nothing is changed. */
export function readTarget(path: string, mounts: readonly Mount[], ours: readonly MountRecord[]): TargetFact {
  const fact = targetFact(path, mounts, ours);
  // What a stack of ours lies on was looked at then. Nobody may answer for what is in it now.
  if (fact.covers.length === 0) checkDirectory(path);
  return fact;
}

/** As readTarget, for a target whose directory is not looked at. */
export function targetFact(path: string, mounts: readonly Mount[], ours: readonly MountRecord[]): TargetFact {
  const covers: MountRecord[] = [];
  let below = topmost(mounts, path);
  for (let record = ownRecord(below, path, ours); below && record; record = ownRecord(below, path, ours)) {
    covers.push(record);
    below = mounts.find(mount => mount.id === below?.parent);
  }
  const foreign =
    below?.mountPoint === path &&
    ours.find(record => mounts.some(mount => isOurs(mount, record) && record.target === path));
  if (foreign && covers.length === 0)
    throw new NanolinError(
      'foreign-mount',
      `something else (${below?.type} from ${below?.source}) is mounted over the stack on ${path}`,
      `unmount it first: umount ${path}`,
    );
  const visible = covers.length > 0 ? mounts.find(mount => isOurs(mount, covers[0])) : below;
  return {
    path,
    covers,
    nested: mountPointsBelow(mounts, visible ?? holding(mounts, path), path),
    hidden: covers.length > 0 ? mountPointsBelow(mounts, below, path) : [],
  };
}

/** False for what is not there or not a directory: readTarget says what is wrong with it. */
export function isEmptyDirectory(path: string): boolean {
  try {
    return readdirSync(path).length === 0;
  } catch {
    return false;
  }
}

function ownRecord(
  mount: Mount | undefined,
  path: string,
  ours: readonly MountRecord[],
): MountRecord | undefined {
  return mount?.mountPoint === path ? ours.find(record => isOurs(mount, record)) : undefined;
}

/** The mount that holds the path when nothing is mounted on the path itself. */
function holding(mounts: readonly Mount[], path: string): Mount | undefined {
  for (let at = path; ; at = at.slice(0, at.lastIndexOf('/')) || '/') {
    const mount = topmost(mounts, at);
    if (mount || at === '/') return mount;
  }
}

function mountPointsBelow(mounts: readonly Mount[], parent: Mount | undefined, path: string): string[] {
  const found = mounts.filter(
    mount => mount.parent === parent?.id && mount.mountPoint.startsWith(`${path}/`),
  );
  return [...new Set(found.map(mount => mount.mountPoint))].sort();
}

function checkDirectory(path: string): void {
  let stat: ReturnType<typeof lstatSync>;
  try {
    stat = lstatSync(path);
  } catch (error) {
    const errno = (error as NodeJS.ErrnoException).code;
    if (errno === 'ENOENT' || errno === 'ENOTDIR')
      throw new NanolinError(
        'target-missing',
        `the target ${path} does not exist`,
        `make it: mkdir -p ${path}`,
      );
    throw error;
  }
  const real = realpathSync(path);
  if (real !== path)
    throw new NanolinError(
      'target-invalid',
      `the target ${path} is reached through a symbolic link`,
      `name ${real} instead`,
    );
  if (!stat.isDirectory())
    throw new NanolinError(
      'target-invalid',
      `the target ${path} is not a directory`,
      'a stack is mounted on a directory',
    );
}
