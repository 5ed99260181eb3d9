import { execFileSync } from 'node:child_process';
import { NanolinError } from '../error/index.ts';
import {
  AT_FDCWD,
  native,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLONE,
  openBase,
  readMountinfo,
  saidAny,
  topmost,
} from '../kernel/index.ts';
import { isOurs } from './mounted.ts';
import type { MountRecord } from './record.ts';
import { isServed } from './server.ts';

let may: boolean | undefined;

/** May this process mount, and make mounts that nobody sees? An ordinary user has fusermount, which mounts on a path or not at all. */
export function mayMount(): boolean {
  may ??= cloneRoot();
  return may;
}

function cloneRoot(): boolean {
  try {
    native.close(native.openTree(AT_FDCWD, '/', OPEN_TREE_CLONE));
    return true;
  } catch (error) {
    if (saidAny(error, 'EPERM')) return false;
    // In a user namespace what is mounted on `/` is locked there (mount_namespaces(7)): no clone of it, but the right to make others.
    if (saidAny(error, 'EINVAL')) return true;
    throw error;
  }
}

/**
 * The bare base of a target, under `covers` mounts of ours. Without the right to look under a mount it is what the process that serves the
 * stack keeps open from before. Throws mount-failed when nobody has it.
 */
export function baseOf(target: string, covers: number, cover: MountRecord | null): number {
  if (mayMount()) return openBase(target, covers);
  if (covers === 0) return native.openat2(AT_FDCWD, target, O_PATH | O_DIRECTORY, 0, 0);
  const { pid, base = null } = cover?.server ?? {};
  if (!cover || base === null || !isServed(cover))
    throw new NanolinError(
      'mount-failed',
      `the base under ${target} cannot be reached`,
      `unmount the stack first: fusermount -u ${target}`,
    );
  return native.openat2(AT_FDCWD, `/proc/${pid}/fd/${base}`, O_PATH | O_DIRECTORY, 0, 0);
}

/** Takes a union off for who may not do it himself: out of sight at once, with whatever is open in it. Throws foreign-mount. */
export function takeOff(record: MountRecord): void {
  const mount = topmost(readMountinfo(), record.target);
  if (!mount || !isOurs(mount, record))
    throw new NanolinError('foreign-mount', `something else is mounted over the stack on ${record.target}`);
  try {
    execFileSync('fusermount', ['-u', '-z', '--', record.target], { stdio: 'pipe', timeout: 10_000 });
  } catch (cause) {
    throw new NanolinError(
      'mount-failed',
      `fusermount does not unmount ${record.target}: ${(cause as Error).message}`,
      undefined,
      { cause },
    );
  }
}

/** A union that fusermount mounted is known by its source, until here. */
export function identified(record: MountRecord): MountRecord {
  if (record.identity.id !== 0) return record;
  return { ...record, identity: native.statxMount(AT_FDCWD, record.target, 0) };
}
