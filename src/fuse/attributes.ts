import { copyUp } from './copy-up.ts';
import { check } from './errno.ts';
import { union } from './native.ts';
import type { Node } from './node.ts';
import { killPrivileges } from './open.ts';
import { ARGUMENT, slot } from './slots.ts';
import type { Tree } from './tree.ts';

const MODE = 1;
const OWNER = 2;
const GROUP = 4;
const SIZE = 8;
const ATIME = 16;
const MTIME = 32;
const ATIME_NOW = 128;
const MTIME_NOW = 256;
const KILL_SUIDGID = 2048;

const UTIME_NOW = (1 << 30) - 1;
const UTIME_OMIT = (1 << 30) - 2;
/** (uid_t)-1 leaves an owner as it is. */
const SAME = 0xffffffff;

export function getattr(tree: Tree, node: Node): number {
  tree.show(node);
  return 0;
}

/** Arguments: what is valid, size, access time, its nanoseconds, change time, its nanoseconds, mode, owner, group. */
export function setattr(tree: Tree, node: Node): number {
  const [valid, size, as, an, ms, mn, mode, uid, gid] = Array.from({ length: 9 }, (_, at) =>
    slot(ARGUMENT + at),
  ) as [number, number, number, number, number, number, number, number, number];
  const has = (flag: number) => (valid & flag) !== 0;
  copyUp(tree, node, !(has(SIZE) && size === 0));
  const place = tree.place(node);
  if (has(SIZE)) {
    if (has(KILL_SUIDGID)) killPrivileges(tree, node);
    check(union.truncate(...place, size));
  }
  if (has(OWNER | GROUP)) check(union.chown(...place, has(OWNER) ? uid : SAME, has(GROUP) ? gid : SAME));
  if (has(MODE)) check(union.chmod(...place, mode & 0o7777));
  if (has(ATIME | MTIME | ATIME_NOW | MTIME_NOW)) {
    const nanoseconds = (now: number, set: number, given: number) =>
      has(now) ? UTIME_NOW : has(set) ? given : UTIME_OMIT;
    check(
      union.utimens(...place, as, nanoseconds(ATIME_NOW, ATIME, an), ms, nanoseconds(MTIME_NOW, MTIME, mn)),
    );
  }
  return getattr(tree, node);
}
