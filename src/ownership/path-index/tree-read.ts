import { readSync } from 'node:fs';
import { inflateRawSync } from 'node:zlib';
import { NanolinError } from '../../error/index.ts';
import { BlockCursor, floorOf, isWellFormed } from './block.ts';
import { type BlockName, blockSize, digestOf, maxBlockSize, parseName, type Root } from './tree.ts';

/** Reads a tree. Every block is held to its digest before it is believed; a damaged one throws `state-corrupt`. */
export class TreeReader {
  readonly #fd: number;
  readonly #root: Root;
  readonly #file: string;
  readonly #kept: number;
  /** By offset, the one used last at the end. */
  readonly #blocks = new Map<number, Buffer>();
  #bytes = 0;

  /** `kept` are the bytes of inflated blocks that may stay in memory. */
  constructor(fd: number, root: Root, file: string, kept: number) {
    this.#fd = fd;
    this.#root = root;
    this.#file = file;
    this.#kept = kept;
  }

  /** The value under `key`, null where there is none. */
  get(key: Buffer): Buffer | null {
    let block = this.#block(this.#root);
    for (let height = this.#root.height; ; height--) {
      const floor = floorOf(block, key);
      if (height === 0 || floor === null) return floor?.equal ? floor.value : null;
      block = this.#child(floor.value);
    }
  }

  /** Entries from the first one whose key is not below `from`. */
  entriesFrom(from: Buffer): TreeCursor {
    const path: BlockCursor[] = [];
    let block = this.#block(this.#root);
    for (let height = this.#root.height; height > 0; height--) {
      const cursor = new BlockCursor(block);
      const floor = floorOf(block, from);
      // Not above `from`, or the first one.
      do cursor.next();
      while (floor !== null && cursor.value().byteOffset !== floor.value.byteOffset);
      path.push(cursor);
      block = this.#child(cursor.value());
    }
    return new TreeCursor(path, new BlockCursor(block), value => this.#child(value), from);
  }

  #child(value: Buffer): Buffer {
    const name = parseName(value);
    if (name === null) throw this.damaged('a block names no other where it should');
    return this.#block(name);
  }

  #block(name: BlockName): Buffer {
    const known = this.#blocks.get(name.offset);
    if (known) this.#blocks.delete(name.offset);
    const block = known ?? this.#read(name);
    this.#blocks.set(name.offset, block);
    return block;
  }

  #read({ offset, length, digest }: BlockName): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; ) {
      const got = readSync(this.#fd, bytes, at, length - at, offset + at);
      if (got === 0) throw this.damaged(`it ends before byte ${offset + length}`);
      at += got;
    }
    if (!digestOf(bytes).equals(digest))
      throw this.damaged(`the block at byte ${offset} is not what was written`);
    const block = this.#inflate(bytes);
    if (block === null || !isWellFormed(block))
      throw this.damaged(`the block at byte ${offset} is malformed`);
    this.#bytes += block.length;
    for (const [oldest, { length }] of this.#blocks) {
      if (this.#bytes <= this.#kept) break;
      this.#blocks.delete(oldest);
      this.#bytes -= length;
    }
    return block;
  }

  #inflate(bytes: Buffer): Buffer | null {
    try {
      // One chunk holds an ordinary block: what is returned is a view of the chunk, and keeps all of it.
      return inflateRawSync(bytes, { chunkSize: blockSize + 1024, maxOutputLength: maxBlockSize });
    } catch {
      return null;
    }
  }

  damaged(why: string): NanolinError {
    return new NanolinError(
      'state-corrupt',
      `${this.#file} is damaged: ${why}`,
      'remove it: it is built again when it is needed',
    );
  }
}

/** Entries of a tree in the order of their keys. */
export class TreeCursor {
  /** The blocks above the leaf, the root first, each at the entry that leads to it. */
  readonly #path: BlockCursor[];
  readonly #child: (name: Buffer) => Buffer;
  #leaf: BlockCursor;
  #from: Buffer | null;

  constructor(path: BlockCursor[], leaf: BlockCursor, child: (name: Buffer) => Buffer, from: Buffer) {
    this.#path = path;
    this.#leaf = leaf;
    this.#child = child;
    this.#from = from;
  }

  /** False behind the last one. */
  next(): boolean {
    do if (!this.#leaf.next() && !this.#turn()) return false;
    while (this.#from !== null && this.#leaf.isBefore(this.#from));
    this.#from = null;
    return true;
  }

  key(): string {
    return this.#leaf.key();
  }

  value(): Buffer {
    return this.#leaf.value();
  }

  /** On to the first entry of the next leaf. */
  #turn(): boolean {
    const path = this.#path;
    let height = path.length - 1;
    while (height >= 0 && !path[height]?.next()) height--;
    if (height < 0) return false;
    for (; height < path.length; height++) {
      const cursor = new BlockCursor(this.#child((path[height] as BlockCursor).value()));
      cursor.next();
      if (height + 1 < path.length) path[height + 1] = cursor;
      else this.#leaf = cursor;
    }
    return true;
  }
}
