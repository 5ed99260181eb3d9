/**
 * The manifest of an image: every entry of its tree, sorted by the bytes of the path.
 *
 * `path` and `link` are byte strings, one char per byte (latin1): file names on Linux are bytes, and this way sorting
 * strings sorts bytes. `path` is relative without `./`; the root is ''.
 */
export interface Manifest {
  readonly header: ManifestHeader;
  readonly entries: readonly Entry[];
}

/** Names the image that the entries are of. */
export interface ManifestHeader {
  readonly package: string;
  readonly version: string;
  readonly stamp: string;
  /** File name, NAME-vVERSION-STAMP.img. */
  readonly image: string;
  /** Bytes of the image. */
  readonly size: number;
  /** SHA-256 of the image. */
  readonly sha256: string;
}

export const entryTypes = ['file', 'dir', 'link', 'char', 'block', 'fifo', 'socket'] as const;
export type EntryType = (typeof entryTypes)[number];

export interface Entry {
  readonly path: string;
  readonly type: EntryType;
  /** Permission bits with setuid, setgid and sticky, at most 0o7777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes; of a file, and there it must be, with `sha256`. */
  readonly size?: number;
  readonly sha256?: string;
  /** Target of a symlink. */
  readonly link?: string;
  /** Number of names of this inode in the manifest, where more than one; a print counts them itself. */
  readonly nlink?: number;
  /** Entries with the same number are one inode. Any number goes into a print, which counts afresh from 1. */
  readonly inode?: number;
  /** Of a char or block entry. */
  readonly device?: { readonly major: number; readonly minor: number };
  readonly tags?: readonly string[];
  /** By name, a byte string. */
  readonly xattrs?: Readonly<Record<string, Uint8Array>>;
}

/** Largest manifest, in bytes. A million entries are some 200 MB; a JavaScript string ends at 512 MiB. */
export const maxManifestBytes = 384 * 1024 * 1024;
/** Longest line without its newline, in bytes: libarchive's mtree reader stops at 64 KiB with the newline and a NUL. */
export const maxManifestLine = 65534;
