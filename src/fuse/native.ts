import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { NanolinError } from '../error/index.ts';
import { addonPath } from '../kernel/index.ts';

/**
 * The addon of native/fuse, typed. Every call is synchronous and returns its result or -errno; nothing throws, because most of what
 * fails here is an answer. A place is a descriptor and one name below it, or '' for what the descriptor is itself. Names, targets and
 * values are strings of one character a byte, so that any byte passes.
 */
export interface UnionNative {
  /** Before the mount is made; `space` is the directory whose free space statfs shows. */
  serve(handler: Handler, space: number): number;
  shared(): ArrayBuffer;
  /** The next mount of fuse-native is the one that this descriptor of /dev/fuse was given to. */
  adopt(device: number): number;
  /** Puts the entries into an open directory. */
  fill(directory: number, names: readonly string[], types: Uint8Array, inodes: BigUint64Array): number;
  /** Puts the entries into an open directory; `entries` are those of the table, -1 where it has none. */
  fill(
    directory: number,
    names: readonly string[],
    types: Uint8Array,
    inodes: BigUint64Array,
    entries: Int32Array,
  ): number;

  /** `trusted.overlay.` or `user.overlay.`, for the marks in the lowers; with `squash` what they hold belongs to this process's user, with `translates` names are marks, too. */
  prefix(prefix: string, squash: number, translates: number): number;
  /** A layer's root, which is its own from now on; `system` is its file system's number in the union. */
  layer(fd: number, system: number): number;
  dropLayer(layer: number): number;
  /** Descriptors of directories that nobody asked for since the last call. */
  closeUnused(): number;
  /** The directory of an entry in one layer, below the part of its parent there; -1 above a layer's root. It is not opened before it is needed. */
  part(above: number, entry: number, layer: number): number;
  dropPart(part: number): number;
  layerOf(part: number): number;
  /** Reads a part whole: the scan's number; -EAGAIN with a task in its slot where a worker does. */
  scan(part: number): number;
  dropScan(scan: number): number;
  /** Fills `kinds`: 1 a directory, 2 a whiteout. */
  names(scan: number, kinds: Uint8Array): string[];

  /** Entry 0, the root of the lowers. */
  root(): number;
  /** Its attributes are what the last `stat` saw, of the topmost of so many layers. */
  setRoot(layers: number): number;
  /** What a directory shows from now on. Consumes the scans and takes the parts over; what the kernel has to forget is collected for `notify`. */
  keep(
    entry: number,
    parts: Uint32Array,
    scans: Uint32Array,
    picks: Uint32Array | null,
    count: number,
  ): number;
  /** Layers that may go into a directory, topmost first. */
  layersOf(entry: number): Uint32Array;
  setLayers(entry: number, layers: Uint32Array): number;
  partsOf(entry: number): Uint32Array;
  compiled(entry: number): number;
  /** In a compiled directory; -1 for none. */
  child(entry: number, name: string): number;
  children(entry: number): Children;
  /** As `stat`, from the table. */
  facts(entry: number): number;
  /** The descriptor of the directory that holds it, in the layer that shows it; for the root, of the root. */
  place(entry: number): number;
  slowEntry(entry: number): number;
  nameOf(entry: number): string;
  parentOf(entry: number): number;
  /** TypeScript answers for it from now on, and counts the kernel's references, whose number is returned. */
  claim(entry: number): number;
  unclaim(entry: number): number;
  /** Its open descriptors, which are TypeScript's from now on. */
  opensOf(entry: number): number[];
  lookups(entry: number): number;
  gone(entry: number): number;
  /** The reply to a look-up is this entry. */
  present(entry: number): number;
  /** Of the objects that go out of sight from now on. */
  showing(generation: number): number;
  lastShown(entry: number): number;
  held(): { inodes: BigUint64Array; generations: Uint32Array };
  /** A directory of the upper that is open, the entry that it merges with or -1, and the number to show or 0n: its attributes and what is not in it need no asking. */
  live(node: number, fd: number, lower: number, inode: bigint): number;
  dead(node: number): number;
  /** Something new: it has no attributes before somebody sets one. */
  plain(node: number): number;

  /** Requests whose caller got a signal while they wait, and is being killed now. */
  answerDying(): number;
  /** Tells the kernel what it has to forget; resolves when it has. */
  notify(): Promise<number>;

  /** Into the slots; `system` is the number of the file system in the union, mixed into the inode's. */
  stat(fd: number, name: string, system: number): number;
  open(fd: number, name: string, flags: number, mode: number): number;
  openPath(path: string, flags: number): number;
  close(fd: number): number;
  /** Whoever uses `to` goes on with what `from` has open; closes `from`. */
  swap(from: number, to: number): number;
  mkdir(fd: number, name: string, mode: number): number;
  mknod(fd: number, name: string, mode: number, device: number): number;
  symlink(target: string, fd: number, name: string): number;
  link(fd: number, name: string, newFd: number, newName: string): number;
  unlink(fd: number, name: string, flags: number): number;
  rename(fd: number, name: string, newFd: number, newName: string, flags: number): number;
  chmod(fd: number, name: string, mode: number): number;
  chown(fd: number, name: string, uid: number, gid: number): number;
  /** Seconds and nanoseconds of access, then of the last change of the data. */
  utimens(fd: number, name: string, as: number, an: number, ms: number, mn: number): number;
  /** The times that the last `stat` saw, to the nanosecond. */
  utimensSeen(fd: number, name: string): number;
  truncate(fd: number, name: string, size: number): number;
  readlink(fd: number, name: string): string | number;
  getxattr(fd: number, name: string, attribute: string): string | number;
  /** A NUL after each name. */
  listxattr(fd: number, name: string): string | number;
  setxattr(fd: number, name: string, attribute: string, value: string, flags: number): number;
  removexattr(fd: number, name: string, attribute: string): number;
  fsync(fd: number): number;
  umask(mask: number): number;
  /** All data with its holes, and the size. */
  copy(from: number, to: number): number;
  /** By a worker: the data to `to`, where that is a descriptor, flushed with `sync`, and what `fetched` returns. The task. */
  fetchLater(fd: number, name: string, to: number, sync: number, slow: number): number;
  /** Names and values of attributes in turn, a link's target under an empty name, of a task that is done, once; -errno; 1 while it is not. */
  fetched(task: number): string[] | number;
  lseek(fd: number, offset: number, whence: number): number;
  /** Without . and .. ; types are DT_*. */
  list(fd: number, system: number): Listed | number;
}

export interface Listed {
  readonly names: string[];
  readonly types: Uint8Array;
  readonly inodes: BigUint64Array;
}

export interface Children {
  readonly names: string[];
  readonly entries: Uint32Array;
  readonly types: Uint8Array;
  readonly inodes: BigUint64Array;
}

/** 0 or more for success, -errno, or the bytes of the reply. Numbers of request and reply are in the slots. */
export type Handler = (opcode: number, node: number, first?: string, second?: string) => number | string;

/** Globally, and before fuse-native: its symbols then take the place of libfuse's (native/fuse/session.c). */
function load(): UnionNative {
  const path = addonPath('union.node');
  const module = { exports: {} };
  const { RTLD_NOW, RTLD_GLOBAL } = constants.dlopen;
  process.dlopen(module, path, RTLD_NOW | RTLD_GLOBAL);
  return module.exports as UnionNative;
}

let loaded: UnionNative | undefined;

export const union: UnionNative = new Proxy({} as UnionNative, {
  get(_, name) {
    loaded ??= load();
    return Reflect.get(loaded, name);
  },
});

/** The part of fuse-native 2.2.6 that is used: the mount, the session and its thread. It publishes no types. */
export interface FuseMount {
  mount(done: (error: Error | null) => void): void;
}

type FuseConstructor = new (
  target: string,
  operations: object,
  options: Readonly<Record<string, unknown>>,
) => FuseMount;

/** Required at run time: it looks for its own addon beside itself, so a bundle cannot hold it. */
export function fuseNative(): FuseConstructor {
  loaded ??= load();
  try {
    return createRequire(import.meta.url)('fuse-native');
  } catch (cause) {
    throw new NanolinError(
      'needs-program',
      'fuse-native cannot be loaded',
      'it needs libfuse.so.2: `apt-get install libfuse2`',
      { cause },
    );
  }
}
