import { createHash } from 'node:crypto';
import { maxVarintBytes, VarintReader, writeVarint } from './varint.ts';

/**
 * A static B-tree of deflated blocks. A block is named by place, length and digest in the block above it, so whoever has the name of
 * the root reads what was written, or is told.
 */
export interface BlockName {
  readonly offset: number;
  /** Bytes in the file. */
  readonly length: number;
  /** Of those bytes. */
  readonly digest: Buffer;
}

export interface Root extends BlockName {
  /** Levels above the leaves. */
  readonly height: number;
}

export const digestLength = 16;
/** Bytes of a block before it is deflated; an entry with very many owners makes a longer one. */
export const blockSize = 8 * 1024;
export const maxBlockSize = 16 * 2 ** 20;

/** The front half of the SHA-256. */
export function digestOf(bytes: Buffer): Buffer {
  return createHash('sha256').update(bytes).digest().subarray(0, digestLength);
}

export function printName({ offset, length, digest }: BlockName): Buffer {
  const bytes = Buffer.allocUnsafe(2 * maxVarintBytes + digestLength);
  let at = writeVarint(bytes, 0, offset);
  at = writeVarint(bytes, at, length);
  return bytes.subarray(0, at + digest.copy(bytes, at));
}

/** Null where the bytes are no name. */
export function parseName(bytes: Buffer): BlockName | null {
  const reader = new VarintReader(bytes);
  const offset = reader.next();
  const length = reader.next();
  const digest = bytes.subarray(reader.at);
  return offset >= 0 && length <= maxBlockSize && digest.length === digestLength
    ? { offset, length, digest }
    : null;
}
