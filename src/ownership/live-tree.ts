import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  lstatSync,
  openSync,
  readdirSync,
  readlinkSync,
  readSync,
  type Stats,
} from 'node:fs';
import type { Native } from '../kernel/native.ts';
import { below, type Node, type Tree, telling } from './tree.ts';

/** The part of the native addon that a live look needs. */
export type XattrReader = Pick<Native, 'lgetxattr' | 'llistxattr'>;

/**
 * The tree of a directory as it is now: the base (reached by a path such as `/proc/self/fd/N`) or an upper. Nothing is read
 * but what is asked for. Errors of the file system other than "there is none" are thrown as Node gives them.
 */
export function liveTree(root: string, reader: XattrReader): Tree {
  return new LiveTree(Buffer.from(root).toString('latin1'), reader);
}

class LiveTree implements Tree {
  readonly #root: string;
  readonly #reader: XattrReader;
  #askedPath: string | undefined;
  #askedNode: Node | null = null;

  constructor(root: string, reader: XattrReader) {
    this.#root = root;
    this.#reader = reader;
  }

  entry(path: string): Node | null {
    if (path === this.#askedPath) return this.#askedNode;
    const where = this.#where(path);
    const stat = lstatOrNull(where);
    this.#askedPath = path;
    this.#askedNode = stat && new LiveNode(where, stat, this.#reader);
    return this.#askedNode;
  }

  children(path: string): readonly string[] {
    return readdirSync(this.#where(path), { encoding: 'latin1' }).sort();
  }

  /** `/.` at the end of the root: a look through /proc/self/fd/N would otherwise see the link. */
  #where(path: string): Buffer {
    return Buffer.from(below(this.#root, path === '' ? '.' : path), 'latin1');
  }
}

class LiveNode implements Node {
  readonly kind: Node['kind'];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly #where: Buffer;
  readonly #stat: Stats;
  readonly #reader: XattrReader;
  #content: string | undefined;

  constructor(where: Buffer, stat: Stats, reader: XattrReader) {
    this.#where = where;
    this.#stat = stat;
    this.#reader = reader;
    this.mode = stat.mode & 0o7777;
    this.uid = stat.uid;
    this.gid = stat.gid;
    this.size = stat.isFile() ? stat.size : 0;
    this.kind = this.#kindOf(stat);
  }

  get opaque(): boolean {
    return this.kind === 'dir' && this.#xattr('trusted.overlay.opaque')?.toString('latin1') === 'y';
  }

  content(): string {
    this.#content ??= this.#readContent();
    return this.#content;
  }

  xattrs(): string {
    const names = orNone(() => this.#reader.llistxattr(this.#where)) ?? [];
    return names
      .filter(telling)
      .map(name => `${name}=${this.#xattr(name)?.toString('base64') ?? ''}`)
      .sort()
      .join('\n');
  }

  #kindOf(stat: Stats): Node['kind'] {
    if (stat.isDirectory()) return 'dir';
    if (stat.isSymbolicLink()) return 'link';
    if (stat.isCharacterDevice() && stat.rdev === 0) return 'whiteout';
    if (!stat.isFile()) return 'other';
    // ovl_path_check_xwhiteout_xattr() in fs/overlayfs/util.c: tried on Linux 6.18, a look-up honours it in any directory;
    // the mark opaque=x only tells readdir to filter.
    return stat.size === 0 && this.#xattr('trusted.overlay.whiteout') !== undefined ? 'whiteout' : 'file';
  }

  #readContent(): string {
    const stat = this.#stat;
    if (stat.isFile()) return sha256(this.#where);
    if (stat.isSymbolicLink()) return readlinkSync(this.#where, { encoding: 'latin1' });
    if (stat.isFIFO()) return 'fifo ';
    if (stat.isSocket()) return 'socket ';
    return `${stat.isBlockDevice() ? 'block' : 'char'} native,${major(stat.rdev)},${minor(stat.rdev)}`;
  }

  #xattr(name: string): Buffer | undefined {
    const value = orNone(() => this.#reader.lgetxattr(this.#where, name));
    return value && Buffer.from(value);
  }
}

function lstatOrNull(where: Buffer): Stats | null {
  try {
    return lstatSync(where, { throwIfNoEntry: false }) ?? null;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOTDIR') return null;
    throw error;
  }
}

/** A file system without xattrs has none (UNION.md 30); what vanished meanwhile has none either. */
function orNone<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENODATA' || code === 'EOPNOTSUPP' || code === 'ENOTSUP' || code === 'ENOENT')
      return undefined;
    throw error;
  }
}

/** O_NONBLOCK: what was a file at lstat may be a fifo now, and must not hold us. */
function sha256(where: Buffer): string {
  const fd = openSync(where, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const hash = createHash('sha256');
    const chunk = Buffer.allocUnsafe(256 * 1024);
    for (;;) {
      const length = readSync(fd, chunk);
      if (length === 0) return hash.digest('hex');
      hash.update(chunk.subarray(0, length));
    }
  } finally {
    closeSync(fd);
  }
}

/** The kernel's 32-bit dev_t, as stat(2) shows it: new_encode_dev() in include/linux/kdev_t.h. */
function major(rdev: number): number {
  return (rdev >>> 8) & 0xfff;
}

function minor(rdev: number): number {
  return (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
}
