import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NanolinError } from '../error/index.ts';

/**
 * The addon of native/, typed. One function per system call, no policy; each is synchronous and throws a SysError that
 * carries the call, errno and path, and, for a file system context, the kernel's own message read from the context's fd.
 *
 * The last parameter of every mount call may be a `Scratch`: the call is then made on that scratch namespace's thread.
 */
export interface SysError extends Error {
  /** The system call's name, e.g. `move_mount`. */
  readonly call: string;
  readonly errno: number;
  /** Symbolic, e.g. `EINVAL`. */
  readonly code: string;
  readonly path: string | undefined;
  /** What the kernel wrote to the file system context's log, without the `e `/`w ` prefix. */
  readonly kernel: string | undefined;
  /** Only from `runLoop`: the step that failed, counted from 0. */
  readonly index?: number;
}

/**
 * A thread with a private mount namespace of its own (unshare(CLONE_NEWNS), everything MS_PRIVATE), a copy of the caller's at
 * that moment. What is mounted or unmounted there is seen by nobody and is gone with the thread; file descriptors are the
 * process's. It takes 0.05 ms. The kernel drops it all when the process is killed, so nothing made there can leak.
 */
export interface Scratch {
  readonly __scratch: never;
}

type Path = string | Uint8Array;

export interface MountIdentity {
  /** Mount id as mountinfo shows it; reused after the mount is gone. */
  readonly id: number;
  /** STATX_MNT_ID_UNIQUE (Linux 6.8), never reused; null where the kernel has none. */
  readonly unique: string | null;
  /** Is the path the root of its mount (STATX_ATTR_MOUNT_ROOT)? */
  readonly root: boolean;
  readonly type: 'file' | 'dir' | 'link' | 'other';
}

/** One step of the tight loop; the loop stops at the first that fails and says which (`SysError.index`). */
export type LoopStep =
  | { readonly do: 'beneath'; readonly fd: number; readonly target: string }
  | { readonly do: 'onto'; readonly fd: number; readonly target: string }
  /** umount2(target, MNT_DETACH), refused with ESTALE when the mount on top of target is not `expect` (statx). */
  | { readonly do: 'detach'; readonly target: string; readonly expect: MountIdentity };

export interface HeldBy {
  readonly pid: number;
  readonly what: 'fd' | 'cwd' | 'root' | 'exe' | 'map';
  /** Mount id (the reusable one, fdinfo's mnt_id) that is held. Global: the process may be in any mount namespace. */
  readonly mount: number;
  /** STATX_MNT_ID_UNIQUE of it: tells it from a later mount that got the same number; null where the kernel has none. */
  readonly unique: string | null;
  /** st_ino as the kernel has it, decimal: tells what a union has replaced from what it shows, where both are of one mount. */
  readonly inode: string;
  /** fd, map: was the file opened for writing? A mapping keeps its file open after the fd is closed. */
  readonly writing: boolean;
  /** readlink of the handle, may end in ` (deleted)`. */
  readonly path: string;
}

export interface Native {
  scratchOpen(): Scratch;
  scratchClose(scratch: Scratch): void;

  fsopen(type: string, scratch?: Scratch): number;
  fsconfigString(fs: number, key: string, value: string, scratch?: Scratch): void;
  fsconfigFlag(fs: number, key: string, scratch?: Scratch): void;
  fsconfigFd(fs: number, key: string, fd: number, scratch?: Scratch): void;
  fsconfigCreate(fs: number, scratch?: Scratch): void;
  fsconfigReconfigure(fs: number, scratch?: Scratch): void;
  fsmount(fs: number, attributes: number, scratch?: Scratch): number;
  fspick(dirfd: number, path: string, flags: number, scratch?: Scratch): number;
  openTree(dirfd: number, path: string, flags: number, scratch?: Scratch): number;
  moveMount(
    fromFd: number,
    fromPath: string,
    toFd: number,
    toPath: string,
    flags: number,
    scratch?: Scratch,
  ): void;
  mountSetattr(
    dirfd: number,
    path: string,
    flags: number,
    set: bigint,
    clear: bigint,
    propagation: bigint,
    scratch?: Scratch,
  ): void;
  /** MOUNT_ATTR_IDMAP on a detached mount: owners are shifted as the user namespace behind the descriptor maps them. */
  mountIdmap(mount: number, userns: number, scratch?: Scratch): void;
  mount(
    source: string | null,
    target: string,
    type: string | null,
    flags: number,
    data: string | null,
    scratch?: Scratch,
  ): void;
  umount2(target: string, flags: number, scratch?: Scratch): void;
  /** openat2; resolve is a RESOLVE_* mask. */
  openat2(
    dirfd: number,
    path: string,
    flags: number,
    mode: number,
    resolve: number,
    scratch?: Scratch,
  ): number;
  mkdirat(dirfd: number, path: string, mode: number, scratch?: Scratch): void;
  fchdir(fd: number, scratch: Scratch): void;
  statxMount(dirfd: number, path: string, flags: number, scratch?: Scratch): MountIdentity;
  close(fd: number): void;

  /** All of it in C, without returning to JavaScript between. Nanoseconds (CLOCK_MONOTONIC) before the first step and after each. */
  runLoop(steps: readonly LoopStep[]): bigint[];

  /** LOOP_CTL_GET_FREE + LOOP_CONFIGURE (read-only, autoclear); retries when another process takes the number first. */
  loopAttach(imageFd: number, blockSize: number): { fd: number; path: string };
  /** False when somebody holds it. */
  flockTry(fd: number, exclusive: boolean): boolean;
  funlock(fd: number): void;
  /** F_SETLEASE F_RDLCK then F_UNLCK: false when the file is open for writing anywhere. */
  unwritten(fd: number): boolean;
  fsync(fd: number): void;
  syncfs(fd: number): void;
  /** membarrier(MEMBARRIER_CMD_GLOBAL): every RCU path walk that was under way has ended. */
  membarrierGlobal(): void;

  /** Walks /proc once: who has one of these mounts (reusable ids) open, mapped, as cwd, root or executable. */
  heldBy(mounts: readonly number[]): HeldBy[];

  /** A path may be bytes: a name is not always UTF-8. */
  lsetxattr(path: Path, name: string, value: Uint8Array): void;
  llistxattr(path: Path): string[];
  lgetxattr(path: Path, name: string): Uint8Array;
  mknod(path: Path, mode: number, major: number, minor: number): void;
}

/**
 * Where an addon of native/ was built: from src/, from dist/lib/ and from a bundle in dist/ alike, the checkout is some folders up.
 * Throws needs-program.
 */
export function addonPath(file: string): string {
  const built = join('native/build/Release', file);
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    if (existsSync(join(folder, built))) return join(folder, built);
    if (folder !== dirname(folder)) continue;
    throw new NanolinError(
      'needs-program',
      `the native addon is not built: ${built} is missing`,
      'run `npm run build`',
    );
  }
}

function load(): Native {
  const path = addonPath('nanolin.node');
  try {
    return createRequire(import.meta.url)(path);
  } catch (error) {
    const hint = 'build it again for this node: `npm run build`';
    throw new NanolinError('needs-program', `the native addon ${path} cannot be loaded`, hint, {
      cause: error,
    });
  }
}

let loaded: Native | undefined;

/** Loaded at the first call: `--help` and what only reads recipes work without it. Throws `needs-program`. */
export const native: Native = new Proxy({} as Native, {
  get(_, name) {
    loaded ??= load();
    return Reflect.get(loaded, name);
  },
});
