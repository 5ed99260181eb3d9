import { check } from './errno.ts';
import { O_ACCMODE, O_DSYNC, O_SYNC } from './flags.ts';
import { union } from './native.ts';
import type { Node } from './node.ts';
import { HANDLE, OPEN_FLAGS, setSlot } from './slots.ts';
import type { Tree } from './tree.ts';

/** Pages stay: nobody but this mount changes the upper, and a lower never changes. */
const FOPEN_KEEP_CACHE = 2;
/** O_APPEND is left to the kernel, which sends offsets; O_DIRECT too, whose alignment is not ours. */
export const PASSED = O_ACCMODE | O_SYNC | O_DSYNC;

/** The handle is in the reply. */
export function hold(tree: Tree, node: Node, fd: number, flags: number): number {
  const handle = { fd, flags: flags & PASSED, node };
  tree.handles.set(fd, handle);
  node.handles ??= new Set();
  node.handles.add(handle);
  setSlot(HANDLE, fd);
  setSlot(OPEN_FLAGS, FOPEN_KEEP_CACHE);
  return 0;
}

/** After a copy-up: who has read so far reads the copy, through the same descriptor. */
export function reopen(tree: Tree, node: Node): void {
  for (const { fd, flags } of node.handles ?? [])
    check(union.swap(check(union.open(...tree.place(node), flags, 0)), fd));
}

export function release(tree: Tree, fd: number): number {
  const handle = tree.handles.get(fd);
  if (!handle) return 0;
  tree.handles.delete(fd);
  handle.node.handles?.delete(handle);
  union.close(fd);
  if (handle.node.lookups === 0) tree.forget(handle.node, 0);
  return 0;
}
