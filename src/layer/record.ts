import { type BigIntStats, fstatSync } from 'node:fs';
import type { Layer } from './types.ts';

/** What a file system says about a file that nobody touched: a change of content or of owner changes one of them. */
export interface Identity {
  readonly dev: string;
  readonly ino: string;
  readonly size: string;
  readonly mtimeNs: string;
  readonly ctimeNs: string;
}

/** A layer as state/layers.json remembers it. */
export interface LayerRecord extends Layer {
  /** SHA-256 of what it was made from: the file, or for a tree the manifest's entries. The same source is not imported twice. */
  readonly source: string;
  /** SHA-256 of the .lst beside the image. */
  readonly manifest: string;
  /** Fingerprint of the key that signed it: the layer is attached while that key is trusted, whatever its file is called. */
  readonly signer?: string;
  readonly identity: Identity;
}

export function identityOf(fd: number): Identity {
  return identityIn(fstatSync(fd, { bigint: true }));
}

export function identityIn(stat: BigIntStats): Identity {
  return {
    dev: String(stat.dev),
    ino: String(stat.ino),
    size: String(stat.size),
    mtimeNs: String(stat.mtimeNs),
    ctimeNs: String(stat.ctimeNs),
  };
}

/** Is the open file still what it was when `identity` was taken? A write through any descriptor moves ctime. */
export function sameIdentity(fd: number, identity: Identity): boolean {
  return equalIdentities(identityOf(fd), identity);
}

export function equalIdentities(a: Identity, b: Identity): boolean {
  return (
    a.ino === b.ino &&
    a.ctimeNs === b.ctimeNs &&
    a.mtimeNs === b.mtimeNs &&
    a.size === b.size &&
    a.dev === b.dev
  );
}
