import { type Stats, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { NanolinError } from '../error/index.ts';
import {
  AT_FDCWD,
  MOUNT_ATTR_RDONLY,
  type Mount,
  native,
  OPEN_TREE_CLONE,
  readMountinfo,
} from '../kernel/index.ts';
import { rules } from './compile.ts';
import { Errno } from './errno.ts';
import { AT_REMOVEDIR, O_DIRECTORY, O_PATH, O_RDONLY } from './flags.ts';
import { type Lower, Lowers } from './lowers.ts';
import { union } from './native.ts';
import type { UnionOptions } from './options.ts';
import { discard } from './remove.ts';
import { Tree } from './tree.ts';

const AT_EMPTY_PATH = 0x1000;
const MOUNT_ATTR_NOATIME = 0x10;

/** Opens the layers of a union and makes its work directory ready. Throws what the user can do something about. */
export function openTree(
  options: UnionOptions,
  given: readonly Lower[],
  generation: number,
): { tree: Tree; lowers: Lowers; space: number } {
  const { upper, userxattr, volatile } = options;
  requireLayers(options);
  const root = upper && opened(upper.upper, O_PATH | O_DIRECTORY);
  const fds = [...options.lowers.map(path => ({ fd: openLower(path) })), ...given];
  // A stack takes over an upper that an overlay had so far, and makes that one read-only.
  if (upper && given.length === 0) refuseOverlays(upper);
  const work = upper && openWork(upper.upper, upper.work, volatile);
  const prefix = userxattr ? 'user.overlay.' : 'trusted.overlay.';
  // Root, of a user namespace too, can give files away; nobody else can.
  const squash = process.getuid?.() !== 0;
  rules.oci = options.oci ?? false;
  union.prefix(prefix, Number(squash), Number(rules.oci));
  const lowers = new Lowers(root, fds, generation);
  const tree = new Tree({
    upper: root !== null && work !== null ? { root, work } : null,
    prefix,
    durable: !volatile,
    squash,
  });
  return { tree, lowers, space: root ?? fds[0]?.fd ?? -1 };
}

/** That all of them are there and fit together, in words that name the one that does not. */
export function requireLayers({ lowers, upper }: UnionOptions): void {
  for (const path of lowers) requireDirectory(path);
  if (!upper) return;
  const [above, below] = [requireDirectory(upper.upper), requireDirectory(upper.work)];
  if (above.dev !== below.dev)
    throw new NanolinError('refused', `${upper.work} is not on the file system of ${upper.upper}`);
  if (inside(upper.work, upper.upper) || inside(upper.upper, upper.work))
    throw new NanolinError(
      'refused',
      `${upper.upper} and ${upper.work} hold one another`,
      'put them side by side',
    );
}

const inside = (path: string, directory: string): boolean =>
  `${resolve(path)}/`.startsWith(`${resolve(directory)}/`);

function requireDirectory(path: string): Stats {
  try {
    const stats = statSync(path);
    if (stats.isDirectory()) return stats;
  } catch (cause) {
    throw new NanolinError('source-missing', `the layer ${path} cannot be opened`, undefined, { cause });
  }
  throw new NanolinError('source-unreadable', `the layer ${path} is no directory`);
}

/**
 * A clone of the mount that holds it, where we may make one: what is mounted inside the layer does not show, the path can be unmounted, and
 * it cannot be written to, not even its access times. The upper is not cloned: nothing is renamed from one mount to another.
 */
function openLower(path: string): number {
  try {
    const fd = native.openTree(AT_FDCWD, resolve(path), OPEN_TREE_CLONE);
    native.mountSetattr(fd, '', AT_EMPTY_PATH, BigInt(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOATIME), 0n, 0n);
    return fd;
  } catch {
    return opened(path, O_PATH | O_DIRECTORY);
  }
}

function opened(path: string, flags: number): number {
  const fd = union.openPath(path, flags);
  if (fd < 0)
    throw new NanolinError('source-unreadable', `the layer ${path} cannot be opened`, undefined, {
      cause: new Errno(-fd),
    });
  return fd;
}

/** `work` below the directory that was named, as the kernel has it, emptied of what a crash left. */
function openWork(upper: string, work: string, volatile: boolean): number {
  for (const path of [upper, work]) claim(path);
  const fd = opened(work, O_RDONLY | O_DIRECTORY);
  if (union.stat(fd, 'work', 0) >= 0) {
    const old = opened(`${work}/work`, O_PATH | O_DIRECTORY);
    if (union.stat(old, 'incompat/volatile', 0) >= 0)
      throw new NanolinError(
        'refused',
        `${upper} was mounted volatile and not unmounted`,
        `what it holds may be incomplete: make a new one, or remove ${join(work, 'work', 'incompat')} to take it as it is`,
      );
    union.close(old);
  }
  discard([fd, 'work']);
  union.unlink(fd, 'work', AT_REMOVEDIR);
  union.umask(0);
  const made = union.mkdir(fd, 'work', 0o700);
  if (made < 0)
    throw new NanolinError('source-unreadable', `${work} cannot be written to`, undefined, {
      cause: new Errno(-made),
    });
  const ours = opened(`${work}/work`, O_PATH | O_DIRECTORY);
  if (volatile && union.mkdir(ours, 'incompat', 0o700) >= 0) union.mkdir(ours, 'incompat/volatile', 0o700);
  return ours;
}

/** The kernel would not stop us, and what two make of one upper is not defined. Those of other mount namespaces are not seen. */
function refuseOverlays({ upper, work }: { upper: string; work: string }): void {
  const used = overlaysIn(readMountinfo());
  for (const path of [upper, work]) {
    const { dev, ino } = statSync(path);
    if (used.some(directory => directory.dev === dev && directory.ino === ino))
      throw new NanolinError(
        'busy',
        `${path} is in use by an overlay of the kernel`,
        'unmount that one first',
      );
  }
}

function overlaysIn(mounts: readonly Mount[]): Stats[] {
  const options = mounts.flatMap(({ type, superOptions }) => (type === 'overlay' ? superOptions : []));
  return options.flatMap(option => {
    const [, path] = /^(?:upper|work)dir=(\/.*)$/s.exec(option) ?? [];
    return (path !== undefined && statSync(path, { throwIfNoEntry: false })) || [];
  });
}

/** Held until the process ends. */
function claim(path: string): void {
  const fd = opened(path, O_RDONLY | O_DIRECTORY);
  if (!native.flockTry(fd, true))
    throw new NanolinError('busy', `${path} is in use by another union`, 'unmount that one first');
}
