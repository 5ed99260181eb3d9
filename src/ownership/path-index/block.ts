import { maxVarintBytes, VarintReader, writeVarint } from './varint.ts';

/**
 * A block is a run of entries with rising keys, front-coded: three varints (bytes shared with the key before, bytes of its own,
 * bytes of value), its own bytes, its value. Leaves and the levels above have the same form.
 */
export class BlockWriter {
  #bytes: Buffer;
  #length = 0;
  #key = none;

  constructor(size: number) {
    this.#bytes = Buffer.allocUnsafe(size);
  }

  get length(): number {
    return this.#length;
  }

  add(key: Buffer, value: Buffer): void {
    const shared = sharedLength(this.#key, key);
    this.#makeRoom(3 * maxVarintBytes + key.length - shared + value.length);
    for (const number of [shared, key.length - shared, value.length])
      this.#length = writeVarint(this.#bytes, this.#length, number);
    this.#length = copyBytes(key, shared, key.length, this.#bytes, this.#length);
    this.#length = copyBytes(value, 0, value.length, this.#bytes, this.#length);
    this.#key = key;
  }

  /** What was added, valid until the next `add`; the writer is empty again. */
  take(): Buffer {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    this.#key = none;
    return taken;
  }

  #makeRoom(more: number): void {
    if (this.#length + more <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.#length + more));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

const none: Buffer = Buffer.alloc(0);

/** PATH_MAX and the byte in front of a path. */
export const maxKey = 4096;

/** Entries of a block, one after the other. The block is well-formed. */
export class BlockCursor {
  readonly bytes: Buffer;
  readonly #key = Buffer.allocUnsafe(maxKey);
  readonly #reader: VarintReader;
  #keyLength = 0;
  #valueStart = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
    this.#reader = new VarintReader(bytes);
  }

  /** The next entry, and false behind the last. */
  next(): boolean {
    const reader = this.#reader;
    if (reader.at >= this.bytes.length) return false;
    const shared = reader.next();
    const own = reader.next();
    const valueLength = reader.next();
    this.#keyLength = shared + own;
    this.#valueStart = reader.at + own;
    copyBytes(this.bytes, reader.at, this.#valueStart, this.#key, shared);
    reader.at = this.#valueStart + valueLength;
    return true;
  }

  key(): string {
    return this.#key.toString('latin1', 0, this.#keyLength);
  }

  value(): Buffer {
    return this.bytes.subarray(this.#valueStart, this.#reader.at);
  }

  isBefore(key: Buffer): boolean {
    return this.#key.compare(key, 0, key.length, 0, this.#keyLength) < 0;
  }
}

interface Floor {
  readonly value: Buffer;
  /** Is the entry's key the one that was asked for, or only the last below it? */
  readonly equal: boolean;
}

/**
 * The last entry whose key is not above `key`; null when all are. The block is well-formed. While an entry shares more with the one
 * before than that one has in common with `key`, it is on the same side of it: most entries are passed over without a look at their
 * bytes.
 */
export function floorOf(bytes: Buffer, key: Buffer): Floor | null {
  const reader = new VarintReader(bytes);
  let common = 0;
  let start = -1;
  let end = -1;
  while (reader.at < bytes.length) {
    const shared = reader.next();
    const own = reader.next();
    const valueLength = reader.next();
    const valueStart = reader.at + own;
    if (shared < common) break;
    if (shared === common) {
      let at = reader.at;
      while (at < valueStart && common < key.length && bytes[at] === key[common]) {
        at++;
        common++;
      }
      if (at < valueStart && (common === key.length || (bytes[at] as number) > (key[common] as number)))
        break;
      if (at === valueStart && common === key.length)
        return { value: bytes.subarray(valueStart, valueStart + valueLength), equal: true };
    }
    start = valueStart;
    end = reader.at = valueStart + valueLength;
  }
  return start < 0 ? null : { value: bytes.subarray(start, end), equal: false };
}

/** Can the block be read at all? Its keys have to rise, or `floorOf` would miss some of them. */
export function isWellFormed(bytes: Buffer): boolean {
  const reader = new VarintReader(bytes);
  const key = Buffer.allocUnsafe(maxKey);
  let keyLength = -1;
  while (reader.at < bytes.length) {
    const shared = reader.next();
    const own = reader.next();
    const valueLength = reader.next();
    const end = reader.at + own + valueLength;
    if (!(shared <= Math.max(keyLength, 0) && shared + own <= maxKey && end <= bytes.length)) return false;
    const rises =
      shared === keyLength ? own > 0 : own > 0 && (bytes[reader.at] as number) > (key[shared] as number);
    if (keyLength >= 0 && !rises) return false;
    copyBytes(bytes, reader.at, reader.at + own, key, shared);
    keyLength = shared + own;
    reader.at = end;
  }
  return true;
}

function sharedLength(a: Buffer, b: Buffer): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}

/** Returns where the next byte goes. For a few bytes Buffer's own copy takes longer to begin than to copy. */
function copyBytes(from: Buffer, start: number, end: number, to: Buffer, at: number): number {
  for (let next = start; next < end; next++) to[at++] = from[next] as number;
  return at;
}
