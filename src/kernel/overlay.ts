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
export const LOWERS_MAX = 500;

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
  readonly assemble: (request: OverlayRequest) => number;
}

/**
 * A detached overlay mount. The best way that the kernel knows is taken, found by trying: a way it does not know ends in EINVAL before
 * anything is mounted. Throws mount-failed with what the kernel said, or image-invalid for too many layers.
 */
export function assembleOverlay(request: OverlayRequest): Overlay {
  if (request.lowers.length > LOWERS_MAX)
    throw new NanolinError(
      'refused',
      `${request.lowers.length} layers are more than the kernel stacks`,
      `merge some of them: ${LOWERS_MAX} is the most`,
    );
  const failures: SysError[] = [];
  for (const { shut, ways, assemble } of waysFor(request.forced)) {
    if (shut) continue;
    try {
      return { fd: assemble(request), ways };
    } catch (error) {
      if (!saidAny(error, 'EINVAL', 'ENOSYS') || !isSysError(error)) throw refused(error, request);
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
    { shut: noPlus, ways: { layers: 'scratch', lowerdir: 'path' }, assemble: throughScratch(assembleByPath) },
    {
      shut: false,
      ways: { layers: 'scratch', lowerdir: 'mount string' },
      assemble: throughScratch(mountByString),
    },
  ];
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
  readonly scratch: Scratch;
  readonly layers: ScratchLayers;
  /** Names relative to the thread's working directory, a few characters each. */
  readonly lowers: readonly string[];
  readonly upper: { readonly upper: string; readonly work: string } | null;
}

function throughScratch(assemble: (request: OverlayRequest, placed: Placed) => number) {
  return (request: OverlayRequest): number => {
    using own = request.scratchLayers ? null : new ScratchLayers();
    const layers = request.scratchLayers ?? own;
    if (!layers) throw new Error('no scratch layers');
    const lowers = request.lowers.map(lower => layers.place(lower));
    return assemble(request, { scratch: layers.scratch, layers, lowers, upper: placeUpper(request, layers) });
  };
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
function assembleByPath(request: OverlayRequest, { scratch, lowers, upper }: Placed): number {
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
function mountByString(request: OverlayRequest, { scratch, layers, lowers, upper }: Placed): number {
  const data = optionString([
    ...always,
    ...(request.options ?? []),
    `lowerdir=${lowers.join(':')}`,
    ...(upper ? [`upperdir=${upper.upper}`, `workdir=${upper.work}`] : []),
  ]);
  const name = layers.makeDirectory();
  native.mount(request.source, name, 'overlay', attributes(request), data, scratch);
  try {
    return native.openTree(AT_FDCWD, name, OPEN_TREE_CLONE, scratch);
  } finally {
    native.umount2(name, MNT_DETACH | UMOUNT_NOFOLLOW, scratch);
  }
}
