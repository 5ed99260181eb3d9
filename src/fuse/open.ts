import { copyUp } from './copy-up.ts';
import { check, EROFS, fail } from './errno.ts';
import { O_ACCMODE, O_RDONLY, O_TRUNC, S_ISGID, S_ISUID, S_IXGRP } from './flags.ts';
import { hold, PASSED } from './handles.ts';
import { union } from './native.ts';
import type { Node } from './node.ts';
import { openLower } from './open-lower.ts';
import { STAT_MODE, slot } from './slots.ts';
import type { Tree } from './tree.ts';

const KILL_SUIDGID = 1;

export function open(tree: Tree, node: Node, flags: number, openFlags: number): number {
  const writes = (flags & O_ACCMODE) !== O_RDONLY || (flags & O_TRUNC) !== 0;
  if (writes) {
    if (!tree.writable) fail(EROFS);
    copyUp(tree, node, (flags & O_TRUNC) === 0);
    if ((openFlags & KILL_SUIDGID) !== 0) killPrivileges(tree, node);
  }
  const passed = flags & (PASSED | O_TRUNC);
  const fd = node.upper
    ? check(union.open(...tree.place(node), passed, 0))
    : openLower(tree.place(node), passed);
  return hold(tree, node, fd, flags);
}

/** As a write by somebody without CAP_FSETID does it (FUSE_HANDLE_KILLPRIV_V2 in include/uapi/linux/fuse.h). */
export function killPrivileges(tree: Tree, node: Node): void {
  const place = tree.place(node);
  check(union.stat(...place, 0));
  const mode = slot(STAT_MODE);
  const left = mode & ~S_ISUID & ~((mode & S_IXGRP) !== 0 ? S_ISGID : 0);
  if (left !== mode) check(union.chmod(...place, left & 0o7777));
}
