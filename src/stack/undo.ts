import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  MNT_DETACH,
  MOVE_MOUNT_BENEATH,
  MOVE_MOUNT_F_EMPTY_PATH,
  type MountIdentity,
  native,
  OPEN_TREE_CLONE,
} from '../kernel/index.ts';

/**
 * Takes a stack off that lies beneath the one in use. The kernel unmounts from the top only, so the stack in use is cloned (same
 * super block, same nested mounts), taken off, put beneath the other as its clone, and the other is taken off. What both stacks
 * have is found at every moment. `remember` is told the clone's identity before the clone is placed.
 */
export function undoBeneath(target: string, remember: (clone: MountIdentity) => void): void {
  const clone = native.openTree(AT_FDCWD, target, OPEN_TREE_CLONE | AT_RECURSIVE);
  try {
    remember(native.statxMount(clone, '', AT_EMPTY_PATH));
    native.umount2(target, MNT_DETACH);
    native.moveMount(clone, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_BENEATH);
    native.umount2(target, MNT_DETACH);
  } finally {
    native.close(clone);
  }
}
