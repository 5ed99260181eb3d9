import { createHash } from 'node:crypto';
import {
  type BigIntStats,
  closeSync,
  constants,
  lstatSync,
  opendirSync,
  openSync,
  readlinkSync,
  readSync,
} from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { NanolinError } from '../error/index.ts';
import type { Entry, EntryType } from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { readAttributes } from './attributes.ts';
import { judgeEntry, judgeName } from './judge-entry.ts';
import { limits } from './limits.ts';
import type { ToldEntries } from './told.ts';

/**
 * Reads a whole tree once: every entry with its attributes and the SHA-256 of every file, and refuses (image-hostile) what no layer
 * may hold. `root` is a directory that nobody else writes to: a staging directory of ours or `/proc/self/fd/N` of a mounted image.
 * A tree whose file system is damaged throws image-invalid. The event loop gets its turn every 20 ms. Owners, modes and attributes that
 * `told` has of an inode stand for the file's own.
 */
export async function walkTree(
  ctx: Context,
  root: string,
  subject: string,
  told: ToldEntries | null = null,
): Promise<Entry[]> {
  const walk = new Walk(ctx, root, subject, told);
  try {
    await walk.directory('');
  } catch (error) {
    throw asFinding(error, subject);
  }
  return walk.entries;
}

class Walk {
  readonly entries: Entry[] = [];
  readonly #ctx: Context;
  readonly #root: string;
  readonly #subject: string;
  readonly #buffer = Buffer.allocUnsafe(2 ** 20);
  /** Directories by inode: a crafted image can hold itself. */
  readonly #directories = new Set<bigint>();
  readonly #hardLinks = new Map<bigint, { inode: number; sha256: string | undefined }>();
  readonly #told: ToldEntries | null;
  #bytes = 0;
  #resume = performance.now() + 20;

  constructor(ctx: Context, root: string, subject: string, told: ToldEntries | null) {
    this.#told = told;
    this.#ctx = ctx;
    this.#root = root;
    this.#subject = subject;
  }

  async directory(path: string): Promise<void> {
    const stat = this.#lstat(path);
    if (!stat.isDirectory()) throw hostile(path, 'it is no directory');
    if (this.#directories.has(stat.ino)) throw hostile(path, 'the directory is in the tree twice');
    this.#directories.add(stat.ino);
    this.#add(path, stat, { type: 'dir' });
    for (const name of this.#names(path)) {
      await this.#breathe();
      await this.#entry(path === '' ? name : `${path}/${name}`);
    }
  }

  async #entry(path: string): Promise<void> {
    const stat = this.#lstat(path);
    const type = typeOf(stat);
    if (type === 'dir') return this.directory(path);
    if (type === 'link') {
      const link = readlinkSync(this.#at(path), { encoding: 'buffer' }).toString('latin1');
      this.#add(path, stat, { type, link });
    } else if (type === 'file') {
      await this.#file(path, stat);
    } else {
      const device = {
        major: Number((stat.rdev >> 8n) & 0xfffn),
        minor: Number((stat.rdev & 0xffn) | ((stat.rdev >> 12n) & 0xfff00n)),
      };
      this.#add(path, stat, type === 'char' || type === 'block' ? { type, device } : { type });
    }
  }

  async #file(path: string, stat: BigIntStats): Promise<void> {
    const known = this.#hardLinks.get(stat.ino);
    if (stat.size > BigInt(limits.bytes)) throw hostile(path, `it has ${stat.size} bytes`);
    const sha256 = known?.sha256 ?? (await this.#hash(path, stat));
    this.#add(path, stat, { type: 'file', size: Number(stat.size), sha256 });
    const shared = this.#hardLinks.get(stat.ino);
    if (shared) shared.sha256 = sha256;
  }

  async #hash(path: string, stat: BigIntStats): Promise<string> {
    this.#bytes += Number(stat.size);
    if (this.#bytes > limits.bytes)
      throw hostile(path, `with it the files have more than ${limits.bytes} bytes`);
    const hash = createHash('sha256');
    const fd = openSync(this.#at(path), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    let length = 0n;
    try {
      for (let got = 1; got > 0; length += BigInt(got)) {
        got = readSync(fd, this.#buffer);
        hash.update(this.#buffer.subarray(0, got));
        await this.#breathe();
        if (length > stat.size) break;
      }
    } finally {
      closeSync(fd);
    }
    if (length !== stat.size)
      throw invalid(path, `its size is ${stat.size}, but ${length} bytes can be read`);
    return hash.digest('hex');
  }

  #add(
    path: string,
    stat: BigIntStats,
    what: Pick<Entry, 'type' | 'size' | 'sha256' | 'link' | 'device'>,
  ): void {
    const own = { mode: Number(stat.mode & 0o7777n), uid: Number(stat.uid), gid: Number(stat.gid) };
    const told = this.#told ? (this.#told.get(stat.ino) ?? { ...own, uid: 0, gid: 0 }) : own;
    const { mode, uid, gid } = told;
    const xattrs = ('xattrs' in told ? told.xattrs : undefined) ?? readAttributes(this.#at(path));
    const tags = [
      ...((mode & 0o4000) !== 0 ? ['setuid'] : []),
      ...((mode & 0o2000) !== 0 && what.type === 'file' ? ['setgid'] : []),
    ];
    const entry: Entry = {
      path,
      mode,
      uid,
      gid,
      ...what,
      ...(what.type !== 'dir' && stat.nlink > 1n ? { inode: this.#inode(stat.ino) } : {}),
      ...(tags.length > 0 ? { tags } : {}),
      ...(xattrs ? { xattrs } : {}),
    };
    const why = judgeEntry(entry);
    if (why !== null) throw hostile(path, why);
    this.entries.push(entry);
    if (this.entries.length > limits.entries)
      throw hostile(path, `with it the tree has more than ${limits.entries} entries`);
  }

  #inode(ino: bigint): number {
    const known = this.#hardLinks.get(ino);
    if (known) return known.inode;
    const inode = this.#hardLinks.size + 1;
    this.#hardLinks.set(ino, { inode, sha256: undefined });
    return inode;
  }

  /** Sorted by bytes; stops at the limit without reading on. */
  #names(path: string): string[] {
    const names: string[] = [];
    const directory = opendirSync(this.#at(path), { encoding: 'buffer' as BufferEncoding, bufferSize: 512 });
    try {
      for (let next = directory.readSync(); next !== null; next = directory.readSync()) {
        const name = (next.name as unknown as Buffer).toString('latin1');
        const why = judgeName(name);
        if (why !== null) throw hostile(path, `the directory holds ${why}`);
        names.push(name);
        if (names.length > limits.namesInDirectory)
          throw hostile(path, `the directory has more than ${limits.namesInDirectory} names`);
      }
    } finally {
      directory.closeSync();
    }
    return names.sort();
  }

  #lstat(path: string): BigIntStats {
    return lstatSync(this.#at(path), { bigint: true });
  }

  #at(path: string): Buffer {
    return Buffer.concat([Buffer.from(`${this.#root}/`), Buffer.from(path, 'latin1')]);
  }

  async #breathe(): Promise<void> {
    if (performance.now() < this.#resume) return;
    this.#ctx.progress({ task: 'hash', subject: this.#subject, done: this.#bytes });
    await setImmediate();
    if (this.#ctx.signal.aborted) throw new NanolinError('cancelled', `reading ${this.#subject} was stopped`);
    this.#resume = performance.now() + 20;
  }
}

function typeOf(stat: BigIntStats): EntryType {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'dir';
  if (stat.isSymbolicLink()) return 'link';
  if (stat.isCharacterDevice()) return 'char';
  if (stat.isBlockDevice()) return 'block';
  return stat.isFIFO() ? 'fifo' : 'socket';
}

function asFinding(error: unknown, subject: string): unknown {
  if (error instanceof NanolinError)
    return new NanolinError(
      error.code,
      error.code === 'cancelled' ? error.message : `${subject} is refused: ${error.message}`,
      error.hint,
      { cause: error },
    );
  // What the kernel says about a damaged file system: EUCLEAN (EFSCORRUPTED), EIO, EOPNOTSUPP, ELOOP for a directory in itself.
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === undefined || !/^(E|Unknown)/.test(code) || code === 'EMFILE' || code === 'ENOMEM')
    return error;
  return new NanolinError('image-invalid', `${subject} is damaged: ${message}`, 'fetch or make it again', {
    cause: error,
  });
}

function hostile(path: string, why: string): NanolinError {
  return new NanolinError('image-hostile', `/${show(path)}: ${why}`, 'make the layer without it');
}

function invalid(path: string, why: string): NanolinError {
  return new NanolinError('image-invalid', `/${show(path)}: ${why}`, 'fetch or make the image again');
}

function show(path: string): string {
  return JSON.stringify(Buffer.from(path, 'latin1').toString('utf8').slice(0, 200)).slice(1, -1);
}
