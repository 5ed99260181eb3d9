import { closeSync, openSync, rmSync } from 'node:fs';
import { maxKey } from './block.ts';
import { parseOwners, printOwners } from './keys.ts';
import { type TreeCursor, TreeReader } from './tree-read.ts';
import { type Sink, TreeWriter } from './tree-write.ts';

/** Keys with their owners, each key once and rising, owners rising. */
export interface OwnedKeys {
  next(): boolean;
  readonly key: string;
  readonly owners: Iterable<number>;
}

/** Characters that are sorted in memory at a time. */
const defaultRunSize = 8 * 2 ** 20;
/** Read once, then gone: not worth a deflate. */
const noEffort = 0;

/**
 * External sort of (key, owner): what is too much for memory is sorted and spilled piece by piece, as trees one behind the other in a
 * file that has no name any more.
 */
export class Runs implements Disposable {
  readonly #file: string;
  readonly #runSize: number;
  readonly #spilled: TreeCursor[] = [];
  readonly #pair = Buffer.allocUnsafe(maxKey + 1 + ownerWidth);
  #sink: Sink | null = null;
  #pairs: string[] = [];
  #size = 0;

  /** `file` is written over, and removed while it is open. */
  constructor(file: string, runSize = defaultRunSize) {
    this.#file = file;
    this.#runSize = runSize;
  }

  add(key: string, owner: number): void {
    if (this.#size >= this.#runSize) this.#spill();
    // A NUL sorts before all that a longer key goes on with; the owner's bytes are compared last. Copied, because a string that was put
    // together from others keeps them alive: here, the line of the manifest.
    const pair = this.#pair;
    let length = pair.write(key, 'latin1');
    length = pair.writeUInt8(0, length);
    length = pair.writeUInt32BE(owner, length);
    this.#pairs.push(pair.toString('latin1', 0, length));
    this.#size += length;
  }

  /** Once, when all is added. */
  sorted(): OwnedKeys[] {
    return [...this.#spilled.map(cursor => new SpilledKeys(cursor)), this.#sortPairs()];
  }

  [Symbol.dispose](): void {
    if (this.#sink) closeSync(this.#sink.fd);
  }

  #sortPairs(): OwnedKeys {
    const pairs = this.#pairs.sort();
    this.#pairs = [];
    this.#size = 0;
    return new SortedKeys(pairs);
  }

  #spill(): void {
    this.#sink ??= { fd: openNameless(this.#file), offset: 0 };
    const keys = this.#sortPairs();
    const tree = new TreeWriter(this.#sink, noEffort);
    while (keys.next()) tree.add(Buffer.from(keys.key, 'latin1'), printOwners([...keys.owners]));
    const reader = new TreeReader(this.#sink.fd, tree.end(), this.#file, 0);
    this.#spilled.push(reader.entriesFrom(Buffer.alloc(0)));
  }
}

class SpilledKeys implements OwnedKeys {
  readonly #cursor: TreeCursor;
  key = '';

  constructor(cursor: TreeCursor) {
    this.#cursor = cursor;
  }

  next(): boolean {
    if (!this.#cursor.next()) return false;
    this.key = this.#cursor.key();
    return true;
  }

  get owners(): Iterable<number> {
    return parseOwners(this.#cursor.value());
  }
}

class SortedKeys implements OwnedKeys {
  readonly #pairs: readonly string[];
  #at = 0;
  key = '';
  owners: readonly number[] = [];

  constructor(pairs: readonly string[]) {
    this.#pairs = pairs;
  }

  next(): boolean {
    const first = this.#pairs[this.#at];
    if (first === undefined) return false;
    const start = this.#at++;
    const prefix = first.slice(0, -ownerWidth);
    while (this.#pairs[this.#at]?.startsWith(prefix)) this.#at++;
    this.key = prefix.slice(0, -1);
    this.owners = this.#pairs.slice(start, this.#at).map(ownerIn);
    return true;
  }
}

const ownerWidth = 4;

function ownerIn(pair: string): number {
  let owner = 0;
  for (let at = pair.length - ownerWidth; at < pair.length; at++) owner = owner * 256 + pair.charCodeAt(at);
  return owner;
}

function openNameless(file: string): number {
  const fd = openSync(file, 'w+', 0o600);
  rmSync(file);
  return fd;
}
