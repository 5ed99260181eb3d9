import { execFile } from 'node:child_process';
import { resolve } from 'node:path';
import { MNT_DETACH, native, readMountinfo, topmost, UMOUNT_NOFOLLOW } from '../kernel/index.ts';

/** The union's mount in this process's namespace, or null when it is not there any more. The path is not touched: it would ask us. */
export function mountOf(target: string): number | null {
  const mount = topmost(readMountinfo(), resolve(target));
  return mount?.type === 'fuse.nanolin' ? mount.id : null;
}

/**
 * Takes our own mount off, and no other that is there by now. While files are open in it, it goes out of sight, and lives until the last
 * one is closed.
 */
export function unmount(target: string, mount: number): void {
  if (mountOf(target) === mount) detach(resolve(target));
}

/** As `unmount`, for one that was moved to where it lies since: wherever it is on top in this namespace. */
export function unmountSource(source: string): void {
  const mounts = readMountinfo();
  for (const mount of mounts)
    if (
      mount.type === 'fuse.nanolin' &&
      mount.source === source &&
      topmost(mounts, mount.mountPoint) === mount
    )
      detach(mount.mountPoint);
}

function detach(target: string): void {
  if (process.getuid?.() !== 0) execFile('fusermount', ['-u', '-z', target], () => {});
  else native.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW);
}
