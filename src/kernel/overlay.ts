import { dirname, relative } from 'node:path';
import { NanolinError } from '../error/index.ts';
import {
  AT_FDCWD,
  MNT_DETACH,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOSUID,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLONE,
  UMOUNT_NOFOLLOW,
} from './constants.ts';
import { Descriptor } from './descriptor.ts';
import { openEmpty } from './empty.ts';
import { native, type Scratch, type SysError } from './native.ts';
import { escapeOption, optionString } from './option-string.ts';
import { isSysError, refusal, saidAny } from './refusal.ts';
import { ScratchLayers } from './scratch-layers.ts';
import type { ShutWays } from './ways.ts';

export interface OverlayRequest {
  /** Descriptors of directories, topmost first: mounts, attached or detached, and O_PATH descriptors inside of them. */
  readonly lowers: readonly number[];
  /** Absolute paths on one mount. */
  readonly upper?: { readonly upper: string; readonly work: string };
  /** What mountinfo shows as the source: our mark. */
  readonly source: string;
  /** nosuid and nodev on the overlay's own mount, the only place where they count. */
  readonly nosuid: boolean;
  /** Further options, e.g. `volatile`. */
  readonly options?: readonly string[];
  readonly forced: ShutWays;
  /**
   * Where layers are mounted when the kernel takes no detached ones. It has to be shared by all assemblies of the same image mounts: Linux
   * before 6.15 lets a detached mount be moved there, never cloned or moved back. Without it a private one is used.
   */
  readonly scratchLayers?: ScratchLayers;
}

export interface Overlay {
  /** Root of a detached mount. */
  readonly fd: number;
  readonly ways: Readonly<Record<string, string>>;
}

/** Layers that the kernel takes (OVL_MAX_STACK in fs/overlayfs/params.h). */
const LOWERS_MAX = 500;

/**
 * Always explicit: distributions choose other defaults at build time, and redirects or metacopy from untrusted layers let one file show
 * another (Documentation/filesystems/overlayfs.rst). xino=on gives all files one st_dev, and a st_ino that outlives the eviction of the
 * inode and a copy-up. With xino=off a directory's number changes under memory pressure, and files have another st_dev than
 * their directory, so that `tar --one-file-system` leaves them out. Its price: numbers above 2^53, and EOVERFLOW for
 * 32-bit programs built without large file support.
 */
const always = ['index=off', 'metacopy=off', 'redirect_dir=nofollow', 'xino=on'];

interface Way {
  readonly shut: boolean;
  readonly ways: Readonly<Record<string, string>>;
  readonly assemble: (request: OverlayRequest, layers: ScratchLayers) => number;
}

/**
 * A detached overlay mount. The best way that the kernel knows is taken, found by trying: a way it does not know ends in EINVAL before
 * anything is mounted. Throws mount-failed with what the kernel said, or refused for too many layers.
 */
export function assembleOverlay(request: OverlayRequest): Overlay {
  if (request.lowers.length > LOWERS_MAX)
    throw new NanolinError(
      'refused',
      `${request.lowers.length} layers are more than the kernel stacks`,
      `merge some of them: ${LOWERS_MAX} is the most`,
    );
  using own = request.scratchLayers ? null : new ScratchLayers();
  const layers = request.scratchLayers ?? own;
  const failures: SysError[] = [];
  for (const { shut, ways, assemble } of waysFor(request.forced)) {
    if (shut || !layers) continue;
    try {
      return { fd: assemble(request, layers), ways };
    } catch (error) {
      if (!saidAny(error, 'EINVAL', 'ENOSYS') || !isSysError(error)) throw refused(error, request);
      // The next way takes the layers' mounts from the caller: not when it is the request that is wrong.
      if (assemble === assembleDetached && takesDetachedLayers()) throw refused(error, request);
      failures.push(error);
    }
  }
  throw refused(failures.find(failure => failure.kernel !== undefined) ?? failures.at(-1), request);
}

function refused(error: unknown, { lowers }: OverlayRequest): unknown {
  return refusal(error, 'mount-failed', `the kernel does not mount an overlay of ${lowers.length} layers`);
}

function waysFor(forced: ShutWays): Way[] {
  const noPlus = forced.has('no-lowerdir-plus');
  const noDetached = noPlus || forced.has('no-detached-layers');
  return [
    { shut: noDetached, ways: { layers: 'detached', lowerdir: 'descriptor' }, assemble: assembleDetached },
    { shut: noPlus, ways: { layers: 'scratch', lowerdir: 'path' }, assemble: assembleByPath },
    { shut: false, ways: { layers: 'scratch', lowerdir: 'mount string' }, assemble: mountByString },
  ];
}

/** Does this kernel make an overlay of detached mounts (6.15) that are named by descriptor (6.13)? */
function takesDetachedLayers(): boolean {
  using top = new Descriptor(openEmpty());
  using bottom = new Descriptor(openEmpty());
  const request = {
    lowers: [top.fd, bottom.fd],
    source: 'nanolin-probe',
    nosuid: true,
    forced: new Set<never>(),
  };
  try {
    native.close(assembleDetached(request));
    return true;
  } catch (error) {
    if (saidAny(error, 'EINVAL', 'ENOSYS')) return false;
    throw error;
  }
}

function attributes({ nosuid }: OverlayRequest): number {
  return nosuid ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV : 0;
}

function setOptions(context: number, { source, options = [] }: OverlayRequest, scratch?: Scratch): void {
  native.fsconfigString(context, 'source', source, scratch);
  for (const option of [...always, ...options]) {
    const at = option.indexOf('=');
    if (at < 0) native.fsconfigFlag(context, option, scratch);
    else native.fsconfigString(context, option.slice(0, at), option.slice(at + 1), scratch);
  }
}

/** Linux 6.15: no path, no escape, no length that could run out. */
function assembleDetached(request: OverlayRequest): number {
  using context = new Descriptor(native.fsopen('overlay'));
  setOptions(context.fd, request);
  for (const lower of request.lowers) native.fsconfigFd(context.fd, 'lowerdir+', lower);
  if (request.upper) {
    using upper = openDirectory(request.upper.upper);
    using work = openDirectory(request.upper.work);
    native.fsconfigFd(context.fd, 'upperdir', upper.fd);
    native.fsconfigFd(context.fd, 'workdir', work.fd);
  }
  native.fsconfigCreate(context.fd);
  return native.fsmount(context.fd, attributes(request));
}

function openDirectory(path: string): Descriptor {
  return new Descriptor(native.openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, 0));
}

interface Placed {
  /** Names relative to the working directory of the scratch namespace's thread, a few characters each. */
  readonly lowers: readonly string[];
  readonly upper: { readonly upper: string; readonly work: string } | null;
}

function place(request: OverlayRequest, layers: ScratchLayers): Placed {
  return { lowers: request.lowers.map(lower => layers.place(lower)), upper: placeUpper(request, layers) };
}

/** The kernel wants upper and work on one mount: the directory that holds both is bound, not each of them. */
function placeUpper({ upper }: OverlayRequest, layers: ScratchLayers): Placed['upper'] {
  if (!upper) return null;
  let home = dirname(upper.upper);
  while (home !== '/' && !upper.work.startsWith(`${home}/`)) home = dirname(home);
  using clone = new Descriptor(native.openTree(AT_FDCWD, home, OPEN_TREE_CLONE));
  const name = layers.place(clone.fd);
  // The kernel unescapes both of these, also in the form that takes no list (ovl_mount_dir in fs/overlayfs/params.c).
  const inside = (path: string) => escapeOption(`${name}/${relative(home, path)}`);
  return { upper: inside(upper.upper), work: inside(upper.work) };
}

/** Linux 6.5 to 6.14. */
function assembleByPath(request: OverlayRequest, layers: ScratchLayers): number {
  const { lowers, upper } = place(request, layers);
  const { scratch } = layers;
  using context = new Descriptor(native.fsopen('overlay', scratch));
  setOptions(context.fd, request, scratch);
  for (const lower of lowers) native.fsconfigString(context.fd, 'lowerdir+', lower, scratch);
  if (upper) {
    native.fsconfigString(context.fd, 'upperdir', upper.upper, scratch);
    native.fsconfigString(context.fd, 'workdir', upper.work, scratch);
  }
  native.fsconfigCreate(context.fd, scratch);
  return native.fsmount(context.fd, attributes(request), scratch);
}

/** Before 6.5. All options share one page with the names of 500 layers: hence the short ones. */
function mountByString(request: OverlayRequest, layers: ScratchLayers): number {
  const { lowers, upper } = place(request, layers);
  const data = optionString([
    ...always,
    ...(request.options ?? []),
    `lowerdir=${lowers.join(':')}`,
    ...(upper ? [`upperdir=${upper.upper}`, `workdir=${upper.work}`] : []),
  ]);
  const name = layers.makeDirectory();
  native.mount(request.source, name, 'overlay', attributes(request), data, layers.scratch);
  try {
    return native.openTree(AT_FDCWD, name, OPEN_TREE_CLONE, layers.scratch);
  } finally {
    native.umount2(name, MNT_DETACH | UMOUNT_NOFOLLOW, layers.scratch);
  }
}
