import { chmodSync } from 'node:fs';
import { join } from 'node:path';
import { asNanolinError, NanolinError } from '../error/index.ts';
import {
  AT_FDCWD,
  type Attached,
  assembleOverlay,
  attachImage,
  MOVE_MOUNT_F_EMPTY_PATH,
  native,
  OPEN_TREE_CLONE,
  openBase,
  openSubtree,
  readMountinfo,
  type Scratch,
} from '../kernel/index.ts';
import { type LayerRecord, openVerified } from '../layer/index.ts';
import type { Context } from '../state/index.ts';
import type { BuildLimits } from './build-limits.ts';
import { makeDirectory, makeSkeleton } from './build-skeleton.ts';
import { openMountUsers, openSandboxUsers } from './build-user.ts';

/**
 * A stack to build in, seen by nobody but the programs that `build-run.ts` starts in it: the base's /usr and the layers of the
 * TOOLING below, empty uppers on top. All that is written lies in one tmpfs of limited size, and everything is a descriptor or a mount of
 * a scratch namespace: it is gone with this process, whatever ends it.
 */
export interface Sandbox extends Disposable {
  /** The tmpfs by a path that this process and its children can use; owners in there are the package's. */
  readonly place: string;
  /** Namespaces to enter. */
  readonly mountNamespace: number;
  readonly userNamespace: number;
  readonly limits: BuildLimits;
}

/** Directories of `place`. */
export const inPlace = {
  folder: 'build',
  stages: 'stages',
  rootUpper: 'root/upper',
  usrUpper: 'usr/upper',
} as const;

/** Topmost first. Throws needs-kernel where the base's file system takes no shifted owners, and what images throw. */
export async function openSandbox(
  ctx: Context,
  layers: readonly LayerRecord[],
  limits: BuildLimits,
): Promise<Sandbox> {
  const held = new Held();
  try {
    const userNamespace = held.fd(await openSandboxUsers());
    const mountUsers = held.fd(await openMountUsers());
    const place = held.fd(openPlace(limits.disk));
    const path = `/proc/${process.pid}/fd/${place}`;
    furnish(path);
    const images: number[] = [];
    for (const layer of layers) images.push(held.fd(await attachLayer(ctx, layer)));
    const shift = (mount: number) => shifted(mount, mountUsers);
    for (const image of images) shift(image);
    const scratch = held.scratch();
    const clone = (name: string) =>
      held.fd(shift(native.openTree(AT_FDCWD, join(path, name), OPEN_TREE_CLONE)));
    const [work, skeleton, cover] = [clone('.'), clone('skeleton'), clone('cover')];
    const base = held.fd(shift(openBase('/usr', coversOf('/usr'))));
    const usr = images.flatMap(image => held.maybe(openSubtree(image, 'usr')));
    const overlay = (lowers: readonly number[], name: string) =>
      held.fd(
        assembleOverlay({
          lowers,
          upper: { upper: `/proc/self/fd/${work}/${name}/upper`, work: `/proc/self/fd/${work}/${name}/work` },
          source: `nanolin-build-${name}`,
          nosuid: true,
          forced: ctx.forced,
        }).fd,
      );
    const root = overlay([...images, skeleton], 'root');
    const rootUsr = overlay([...usr, cover, base], 'usr');
    const onto = (mount: number, target: string) =>
      native.moveMount(mount, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH, scratch);
    onto(work, '/tmp');
    onto(root, '/tmp/mnt');
    onto(rootUsr, '/tmp/mnt/usr');
    const mountNamespace = held.fd(native.openat2(AT_FDCWD, '/proc/thread-self/ns/mnt', 0, 0, 0, scratch));
    return { place: path, mountNamespace, userNamespace, limits, [Symbol.dispose]: () => held.release() };
  } catch (error) {
    held.release();
    throw asNanolinError(error);
  }
}

/** What is closed together, last first. */
class Held {
  readonly #closers: (() => void)[] = [];

  fd(fd: number): number {
    this.#closers.push(() => native.close(fd));
    return fd;
  }

  maybe(fd: number | null): number[] {
    return fd === null ? [] : [this.fd(fd)];
  }

  scratch(): Scratch {
    const scratch = native.scratchOpen();
    this.#closers.push(() => native.scratchClose(scratch));
    return scratch;
  }

  release(): void {
    for (const close of this.#closers.splice(0).reverse()) close();
  }
}

function openPlace(bytes: number): number {
  const context = native.fsopen('tmpfs');
  try {
    native.fsconfigString(context, 'source', 'nanolin-build');
    native.fsconfigString(context, 'mode', '0755');
    native.fsconfigString(context, 'size', String(bytes));
    // A file without content takes a kilobyte or so of the kernel's memory, which the size does not count.
    native.fsconfigString(context, 'nr_inodes', String(Math.max(4096, Math.floor(bytes / 4096))));
    native.fsconfigCreate(context);
    return native.fsmount(context, 0);
  } finally {
    native.close(context);
  }
}

function furnish(place: string): void {
  chmodSync(place, 0o755);
  for (const name of ['root', 'usr', 'cover', 'skeleton', 'mnt', 'run', inPlace.folder, inPlace.stages])
    makeDirectory(join(place, name), 0o755);
  for (const name of ['root/upper', 'root/work', 'usr/upper', 'usr/work', 'cover/local'])
    makeDirectory(join(place, name), 0o755);
  for (const name of ['tmp', 'vartmp', 'shm']) makeDirectory(join(place, name), 0o1777);
  makeSkeleton(join(place, 'skeleton'));
  // What the admin put below /usr/local is no part of any base.
  native.lsetxattr(join(place, 'cover/local'), 'trusted.overlay.opaque', Buffer.from('y'));
}

async function attachLayer(ctx: Context, layer: LayerRecord): Promise<number> {
  using image = await openVerified(ctx, layer);
  const attached: Attached = attachImage(image.fd, layer.format, { forced: ctx.forced });
  return attached.fd;
}

/** Gives a detached mount the owners of the user namespace. */
function shifted(mount: number, userNamespace: number): number {
  try {
    native.mountIdmap(mount, userNamespace);
    return mount;
  } catch (error) {
    native.close(mount);
    throw new NanolinError(
      'needs-kernel',
      `the file system cannot be shown to a build with other owners: ${(error as Error).message}`,
      'ext4, xfs, btrfs, erofs and squashfs can, since Linux 6.3 tmpfs too; overlayfs (a container) cannot',
      { cause: error },
    );
  }
}

/** Stacks of ours on a directory: a build stands on the bare base, whatever is switched on just now. */
function coversOf(target: string): number {
  return readMountinfo().filter(
    ({ mountPoint, source }) => mountPoint === target && /^nanolin-\d/.test(source),
  ).length;
}
