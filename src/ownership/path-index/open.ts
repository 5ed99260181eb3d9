import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { asNanolinError, NanolinError } from '../../error/index.ts';
import { maxOwner, ownerKey, parseOwner, parseOwners, pathKey, pathOf } from './keys.ts';
import { parseTrailer, trailerLength } from './trailer.ts';
import { TreeReader } from './tree-read.ts';
import type { PathIndex, PathOwner } from './types.ts';

/** Bytes of inflated blocks in memory: those that a run of look-ups meets again. */
const keptBlocks = 2 * 2 ** 20;
const keptOwners = 10_000;
/** `/usr` has an owner in each package: from so many on, all names are gone through once instead of each being looked up. */
const sweepFrom = 256;

/** Opens an index for look-ups. Throws `io` where there is none and `state-corrupt` where it is no index or damaged. */
export function openPathIndex(file: string): PathIndex {
  const fd = openIndex(file);
  try {
    return new OpenIndex(fd, file);
  } catch (error) {
    closeSync(fd);
    throw asNanolinError(error);
  }
}

class OpenIndex implements PathIndex {
  readonly digest: string;
  readonly #fd: number;
  readonly #tree: TreeReader;
  readonly #owners = new Map<number, PathOwner>();
  #open = true;

  constructor(fd: number, file: string) {
    const bytes = Buffer.alloc(trailerLength);
    const { size } = fstatSync(fd);
    if (size >= trailerLength) readSync(fd, bytes, 0, trailerLength, size - trailerLength);
    const trailer = parseTrailer(bytes);
    if (trailer === null)
      throw new NanolinError(
        'state-corrupt',
        `${file} is no path index, or its end is missing`,
        'remove it: it is built again when it is needed',
      );
    this.digest = trailer.digest;
    this.#fd = fd;
    this.#tree = new TreeReader(fd, trailer.root, file, keptBlocks);
  }

  lookup(path: string): PathOwner[] {
    const value = this.#tree.get(pathKey(path));
    return value === null ? [] : this.#named(value);
  }

  *below(directory: string): Generator<{ path: string; owners: PathOwner[] }> {
    const prefix = directory === '' ? '/' : `/${directory}/`;
    const entries = this.#tree.entriesFrom(Buffer.from(prefix, 'latin1'));
    while (entries.next()) {
      const key = entries.key();
      if (!key.startsWith(prefix)) return;
      // The root's own key is what everything below it begins with.
      if (key !== prefix) yield { path: pathOf(key), owners: this.#named(entries.value()) };
    }
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    closeSync(this.#fd);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #named(value: Buffer): PathOwner[] {
    const numbers = [...parseOwners(value)];
    return numbers.length < sweepFrom ? numbers.map(number => this.#owner(number)) : this.#swept(numbers);
  }

  #owner(number: number): PathOwner {
    const known = this.#owners.get(number);
    if (known) return known;
    const value = number <= maxOwner ? this.#tree.get(ownerKey(number)) : null;
    if (value === null) throw this.#nobody(number);
    const owner = parseOwner(value);
    if (this.#owners.size >= keptOwners) this.#owners.clear();
    this.#owners.set(number, owner);
    return owner;
  }

  #swept([first = 0, ...others]: readonly number[]): PathOwner[] {
    const names = this.#tree.entriesFrom(ownerKey(Math.min(first, maxOwner)));
    return [first, ...others].map(number => {
      const key = number <= maxOwner ? ownerKey(number).toString('latin1') : '';
      do if (!names.next()) throw this.#nobody(number);
      while (names.key() < key);
      if (names.key() !== key) throw this.#nobody(number);
      return parseOwner(names.value());
    });
  }

  #nobody(number: number): NanolinError {
    return this.#tree.damaged(`it names owner ${number}, who is not in it`);
  }
}

function openIndex(file: string): number {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    throw asNanolinError(error);
  }
}
