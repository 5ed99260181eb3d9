import { AT_FDCWD, AT_RECURSIVE, MNT_DETACH, OPEN_TREE_CLONE, UMOUNT_NOFOLLOW } from './constants.ts';
import { native } from './native.ts';
import { refusal, saidAny } from './refusal.ts';
import { inScratch } from './scratch.ts';

/**
 * The bare base of a target as a detached mount, what `covers` mounts of ours hide. They are taken off in a scratch namespace, where
 * nobody notices, and the clone is not recursive: what is mounted inside the base stays out of the next stack's lowest layer.
 */
export function openBase(target: string, covers: number): number {
  try {
    if (covers === 0) return native.openTree(AT_FDCWD, target, OPEN_TREE_CLONE);
    return inScratch(scratch => {
      for (let i = 0; i < covers; i++) native.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW, scratch);
      return native.openTree(AT_FDCWD, target, OPEN_TREE_CLONE, scratch);
    });
  } catch (error) {
    throw refusal(error, 'mount-failed', `the base under ${target} cannot be reached`);
  }
}

/**
 * What is mounted inside the base of a target, as a detached clone with all that is mounted in it in turn; null when nothing is mounted
 * there.
 */
export function openNestedInBase(target: string, covers: number, mountPoint: string): number | null {
  return inScratch(scratch => {
    for (let i = 0; i < covers; i++) native.umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW, scratch);
    try {
      if (!native.statxMount(AT_FDCWD, mountPoint, 0, scratch).root) return null;
      return native.openTree(AT_FDCWD, mountPoint, OPEN_TREE_CLONE | AT_RECURSIVE, scratch);
    } catch (error) {
      if (saidAny(error, 'ENOENT', 'ENOTDIR')) return null;
      throw error;
    }
  });
}
