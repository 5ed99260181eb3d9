import { writeSync } from 'node:fs';
import { deflateRawSync } from 'node:zlib';
import { NanolinError } from '../../error/index.ts';
import { BlockWriter } from './block.ts';
import { type BlockName, blockSize, digestOf, maxBlockSize, printName, type Root } from './tree.ts';

/** An open file, and where the next block goes. */
export interface Sink {
  readonly fd: number;
  offset: number;
}

interface Level {
  readonly block: BlockWriter;
  /** Of the block that is being filled. */
  firstKey: Buffer | null;
  /** The first block that was written: it is the root where no second one follows. */
  first: { readonly key: Buffer; readonly name: BlockName } | null;
  blocks: number;
}

/** Writes a tree bottom-up: `add` in the order of the keys, `end` once. Memory is one block a level. */
export class TreeWriter {
  readonly #sink: Sink;
  readonly #effort: number;
  readonly #levels: Level[] = [];

  /** `effort` is zlib's level: 0 where the tree is read once and thrown away. */
  constructor(sink: Sink, effort: number) {
    this.#sink = sink;
    this.#effort = effort;
  }

  add(key: Buffer, value: Buffer): void {
    this.#add(0, key, value);
  }

  end(): Root {
    if (this.#levels.length === 0) this.#level(0).firstKey = Buffer.alloc(0);
    for (let height = 0; ; height++) {
      const level = this.#level(height);
      if (level.firstKey !== null) this.#flush(height, level);
      if (level.blocks === 1 && level.first) return { ...level.first.name, height };
    }
  }

  #add(height: number, key: Buffer, value: Buffer): void {
    const level = this.#level(height);
    level.firstKey ??= key;
    level.block.add(key, value);
    if (level.block.length >= blockSize) this.#flush(height, level);
  }

  #flush(height: number, level: Level): void {
    const key = level.firstKey ?? Buffer.alloc(0);
    const name = this.#write(level.block.take());
    level.firstKey = null;
    level.blocks++;
    if (level.first === null) {
      level.first = { key, name };
      return;
    }
    if (level.blocks === 2) this.#add(height + 1, level.first.key, printName(level.first.name));
    this.#add(height + 1, key, printName(name));
  }

  #write(block: Buffer): BlockName {
    if (block.length > maxBlockSize)
      throw new NanolinError('io', `a path has more owners than an index can hold`);
    const bytes = deflateRawSync(block, { level: this.#effort, memLevel: 9 });
    for (let at = 0; at < bytes.length; )
      at += writeSync(this.#sink.fd, bytes, at, bytes.length - at, this.#sink.offset + at);
    const name = { offset: this.#sink.offset, length: bytes.length, digest: digestOf(bytes) };
    this.#sink.offset += bytes.length;
    return name;
  }

  #level(height: number): Level {
    const known = this.#levels[height];
    if (known) return known;
    const level = { block: new BlockWriter(2 * blockSize), firstKey: null, first: null, blocks: 0 };
    this.#levels[height] = level;
    return level;
  }
}
