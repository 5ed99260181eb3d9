import { digestLength, digestOf, maxBlockSize, type Root } from './tree.ts';

/** The last bytes of an index. */
interface Trailer {
  /** Of the set of manifests, 64 hex digits. */
  readonly digest: string;
  readonly root: Root;
}

const magic = 'nanolin paths 1\n';
export const trailerLength = 96;
/** Four levels of 16 KiB blocks hold more paths than a disk. */
const maxHeight = 8;

/** Magic, digest of the set (32 bytes), offset (8), length (4), height (4) and digest (16) of the root; digest of all that (16). */
export function printTrailer({ digest, root }: Trailer): Buffer {
  const bytes = Buffer.alloc(trailerLength);
  bytes.write(magic, 'latin1');
  bytes.write(digest, 16, 'hex');
  bytes.writeBigUInt64LE(BigInt(root.offset), 48);
  bytes.writeUInt32LE(root.length, 56);
  bytes.writeUInt32LE(root.height, 60);
  root.digest.copy(bytes, 64);
  digestOf(bytes.subarray(0, 80)).copy(bytes, 80);
  return bytes;
}

/** Null where the bytes are no trailer. */
export function parseTrailer(bytes: Buffer): Trailer | null {
  const root = {
    offset: Number(bytes.readBigUInt64LE(48)),
    length: bytes.readUInt32LE(56),
    height: bytes.readUInt32LE(60),
    digest: bytes.subarray(64, 64 + digestLength),
  };
  const good =
    bytes.toString('latin1', 0, 16) === magic &&
    digestOf(bytes.subarray(0, 80)).equals(bytes.subarray(80)) &&
    Number.isSafeInteger(root.offset) &&
    root.length <= maxBlockSize &&
    root.height <= maxHeight;
  return good ? { digest: bytes.toString('hex', 16, 48), root } : null;
}
