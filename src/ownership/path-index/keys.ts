import type { PathOwner } from './types.ts';
import { VarintReader, writeVarint } from './varint.ts';

/** Paths and the names of their owners are in one tree: keys of paths begin with a slash, those of owners with a NUL, which no path has. */
export function pathKey(path: string): Buffer {
  return Buffer.from(`/${path}`, 'latin1');
}

export function pathOf(key: string): string {
  return key.slice(1);
}

export const maxOwner = 0xffff_ffff;

export function ownerKey(owner: number): Buffer {
  const key = Buffer.alloc(5);
  key.writeUInt32BE(owner, 1);
  return key;
}

export function printOwner({ layer, version }: PathOwner): Buffer {
  return Buffer.from(`${layer}\0${version}`);
}

export function parseOwner(value: Buffer): PathOwner {
  const [layer = '', version = ''] = value.toString().split('\0');
  return { layer, version };
}

/** Rising numbers as the differences between them. */
export function printOwners(owners: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(5 * owners.length);
  let at = 0;
  let before = 0;
  for (const owner of owners) {
    at = writeVarint(bytes, at, owner - before);
    before = owner;
  }
  return bytes.subarray(0, at);
}

/** A number that stands nowhere comes out as NaN. */
export function* parseOwners(bytes: Buffer): Generator<number> {
  const reader = new VarintReader(bytes);
  for (let owner = 0; reader.at < bytes.length; ) {
    owner += reader.next();
    yield owner;
  }
}
