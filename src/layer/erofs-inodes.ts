import { NanolinError } from '../error/index.ts';
import type { EntryType } from '../formats/index.ts';
import { judgeEntry, judgeName } from './judge-entry.ts';
import { limits } from './limits.ts';
import { readHead } from './read-source.ts';
import type { Told } from './told.ts';

/** An inode of an erofs image under one of its names. */
export interface ErofsInode extends Told {
  /** Byte string, '' for the root. */
  readonly path: string;
  readonly type: EntryType;
  /** Names with the same number are one file. */
  readonly nid: number;
  /** Bytes from the start of the image. */
  readonly at: number;
  readonly extended: boolean;
  readonly size: number;
  readonly device?: { readonly major: number; readonly minor: number };
}

/** S_IFMT, shifted. */
const types: Readonly<Record<number, EntryType>> = {
  1: 'fifo',
  2: 'char',
  4: 'dir',
  6: 'block',
  8: 'file',
  10: 'link',
  12: 'socket',
};

/** EROFS_XATTR_INDEX_* in fs/erofs/xattr.h. */
const prefixes: Readonly<Record<number, string>> = {
  1: 'user.',
  2: 'system.posix_acl_access',
  3: 'system.posix_acl_default',
  4: 'trusted.',
  6: 'security.',
};

const tooMany = `the directory has more than ${limits.namesInDirectory} names`;

const FLAT_PLAIN = 0;
const FLAT_INLINE = 2;

/**
 * Every name in an erofs image whose superblock was checked, a directory before what is in it, without mounting: types, owners, modes and
 * attributes, no contents. The image may be anybody's: names that lead elsewhere or come twice, directories that hold themselves and
 * numbers out of range are refused (image-hostile, image-invalid), so that what passed can be extracted. fs/erofs/erofs_fs.h has the layout.
 */
export function readErofsInodes(fd: number, size: number): ErofsInode[] {
  return new Reader(fd, size).all();
}

class Reader {
  readonly #fd: number;
  readonly #size: number;
  readonly #blockSize: number;
  readonly #meta: number;
  readonly #shared: number;
  readonly #root: number;
  readonly #directories = new Set<number>();
  readonly #found: ErofsInode[] = [];

  constructor(fd: number, size: number) {
    this.#fd = fd;
    this.#size = size;
    const head = this.#read(1024, 128);
    this.#blockSize = 2 ** (head[12] ?? 12);
    this.#root = head.readUInt16LE(14);
    this.#meta = head.readUInt32LE(40) * this.#blockSize;
    this.#shared = head.readUInt32LE(44) * this.#blockSize;
  }

  all(): ErofsInode[] {
    this.#visit('', this.#root);
    return this.#found;
  }

  #visit(path: string, nid: number): void {
    const at = this.#meta + nid * 32;
    const head = this.#read(at, 64);
    const format = head.readUInt16LE(0);
    const extended = (format & 1) === 1;
    const attributes = head.readUInt16LE(2);
    const mode = head.readUInt16LE(4);
    const type = types[mode >> 12];
    if (type === undefined) throw invalid(path, 'its type is unknown');
    const inode = {
      ...{ path, type, nid, at, extended, mode: mode & 0o7777 },
      size: extended ? Number(head.readBigUInt64LE(8)) : head.readUInt32LE(8),
      uid: extended ? head.readUInt32LE(24) : head.readUInt16LE(24),
      gid: extended ? head.readUInt32LE(28) : head.readUInt16LE(26),
    };
    const body = at + (extended ? 64 : 32);
    // A header of 12 bytes, and 4 for each count after the first (erofs_xattr_ibody_size).
    const length = attributes === 0 ? 0 : 12 + (attributes - 1) * 4;
    const xattrs = this.#attributes(path, body, length);
    const device = type === 'char' || type === 'block' ? { device: deviceOf(head.readUInt32LE(16)) } : {};
    const found = { ...inode, ...device, ...(xattrs && { xattrs }) };
    const why = judgeEntry(found);
    if (why !== null) throw hostile(path, why);
    this.#found.push(found);
    if (this.#found.length > limits.entries)
      throw hostile(path, `with it the tree has more than ${limits.entries} entries`);
    if (type !== 'dir') return;
    if (this.#directories.has(nid)) throw hostile(path, 'the directory is in the tree twice');
    this.#directories.add(nid);
    const layout = (format >> 1) & 7;
    if (layout !== FLAT_PLAIN && layout !== FLAT_INLINE) throw invalid(path, 'the directory is compressed');
    if (inode.size > limits.namesInDirectory * (limits.name + 12)) throw hostile(path, tooMany);
    const start = head.readUInt32LE(16) * this.#blockSize;
    const inline = layout === FLAT_INLINE ? body + length : null;
    for (const [name, child] of this.#names(path, start, inline, inode.size))
      this.#visit(path === '' ? name : `${path}/${name}`, child);
  }

  /** The last part of an inline directory lies behind its inode, all others in blocks of their own. */
  #names(path: string, start: number, inline: number | null, size: number): Map<string, number> {
    const names = new Map<string, number>();
    for (let done = 0; done < size; done += this.#blockSize) {
      const length = Math.min(this.#blockSize, size - done);
      const tail = inline !== null && length < this.#blockSize;
      const block = this.#read(tail ? inline : start + done, length);
      const first = length >= 12 ? block.readUInt16LE(8) : 0;
      if (first < 12 || first > length || first % 12 !== 0) throw invalid(path, 'its names are damaged');
      for (let at = 0; at < first; at += 12) {
        const begin = block.readUInt16LE(at + 8);
        const end = at + 12 < first ? block.readUInt16LE(at + 20) : length;
        if (begin < first || end < begin || end > length) throw invalid(path, 'its names are damaged');
        const name = block.toString('latin1', begin, end).replace(/\0+$/, '');
        if (name === '.' || name === '..') continue;
        const why = judgeName(name) ?? (names.has(name) ? 'one name twice' : null);
        if (why !== null) throw hostile(path, `the directory holds ${why}`);
        names.set(name, Number(block.readBigUInt64LE(at)));
        if (names.size > limits.namesInDirectory) throw hostile(path, tooMany);
      }
    }
    return names;
  }

  #attributes(path: string, at: number, length: number): Record<string, Uint8Array> | null {
    if (length === 0) return null;
    const body = this.#read(at, length);
    const found: Record<string, Uint8Array> = Object.create(null);
    const shared = body[4] ?? 0;
    const own = 12 + shared * 4;
    if (own > length) throw invalid(path, 'its attributes are damaged');
    for (let i = 0; i < shared; i++) {
      const place = this.#shared + body.readUInt32LE(12 + i * 4) * 4;
      const entry = this.#read(place, 4);
      this.#attribute(path, this.#read(place, attributeSize(entry)), found);
    }
    for (let next = own; next + 4 <= length; ) {
      const size = attributeSize(body.subarray(next));
      // Padding after the last one.
      if (body.readUInt32LE(next) === 0) break;
      if (next + size > length) throw invalid(path, 'its attributes are damaged');
      this.#attribute(path, body.subarray(next, next + size), found);
      next += (size + 3) & ~3;
    }
    return found;
  }

  #attribute(path: string, entry: Buffer, found: Record<string, Uint8Array>): void {
    const length = entry[0] ?? 0;
    const prefix = prefixes[entry[1] ?? 0];
    if (prefix === undefined) throw invalid(path, 'it has an attribute of an unknown kind');
    const name = prefix + entry.toString('latin1', 4, 4 + length);
    found[name] = Buffer.from(entry.subarray(4 + length));
  }

  #read(at: number, length: number): Buffer {
    const end = at + length;
    if (!Number.isSafeInteger(end) || end > this.#size + 64)
      throw invalid('', 'a number in it leads past its end');
    const part = readHead(this.#fd, length, at);
    // An inode at the very end is shorter than what is asked for.
    return part.length === length ? part : Buffer.concat([part], length);
  }
}

/** new_encode_dev in include/linux/kdev_t.h. */
function deviceOf(number: number): { major: number; minor: number } {
  return { major: (number >>> 8) & 0xfff, minor: (number & 0xff) | ((number >>> 12) & 0xfff00) };
}

/** `e_name_len`, `e_name_index`, `e_value_size`, then the name and the value. */
function attributeSize(entry: Buffer): number {
  return 4 + (entry[0] ?? 0) + entry.readUInt16LE(2);
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
