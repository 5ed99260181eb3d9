import { writeSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';
import { limits } from './limits.ts';
import { readHead } from './read-source.ts';

export type ImageFormat = 'erofs' | 'squashfs';

/** How much of the start of an image `readSuperblock` wants to see: up to btrfs' superblock, the farthest magic that is looked for. */
export const headLength = 0x10048;

interface Magic {
  readonly what: string;
  readonly at: number;
  readonly bytes: string;
}

// Offsets and bytes as util-linux's libblkid has them (libblkid/src/superblocks).
const foreign: readonly Magic[] = [
  { what: 'an iso9660 file system', at: 0x8001, bytes: 'CD001' },
  { what: 'a udf file system', at: 0x8001, bytes: 'BEA01' },
  { what: 'a btrfs file system', at: 0x10040, bytes: '_BHRfS_M' },
  { what: 'an xfs file system', at: 0, bytes: 'XFSB' },
  { what: 'an encrypted disk', at: 0, bytes: 'LUKS\xba\xbe' },
  { what: 'a verity hash tree', at: 0, bytes: 'verity\0\0' },
  { what: 'a partition table', at: 512, bytes: 'EFI PART' },
  { what: 'a partition table', at: 4096, bytes: 'EFI PART' },
  { what: 'an ntfs file system', at: 3, bytes: 'NTFS    ' },
  { what: 'a fat file system', at: 54, bytes: 'FAT1' },
  { what: 'a fat file system', at: 82, bytes: 'FAT32' },
  { what: 'a tar archive', at: 257, bytes: 'ustar' },
];

const erofsAt = 1024;
const erofsMagic = 0xe0f5e1e2;
const erofsChecksummed = 0x1;
// fs/erofs/erofs_fs.h: 0padding, compression configs and big clusters, chunks, second compressor or device table, tail packing,
// fragments and deduplication, attribute prefixes. Later ones change the layout.
const erofsIncompat = 0x7f;

const squashfsMagic = 0x73717368;
const squashfsHeader = 96;
const none = 0xffffffffffffffffn;

/**
 * Which of the two formats an image is, judged from its first bytes and its size alone, before any of it reaches the kernel's
 * parser: magic, version, checksum, and a size that agrees with the superblock. Throws image-invalid for what is neither, damaged or
 * truncated, image-hostile for a file that a second parser would take for something else. `head` is the first `headLength` bytes.
 */
export function readSuperblock(head: Buffer, size: number): { format: ImageFormat; end: number } {
  if (size > limits.bytes)
    throw invalid(`it has ${size} bytes, more than the ${limits.bytes} that are allowed`);
  const { erofs, squashfs } = magicsOf(head);
  const other = foreignMagic(head);
  if (erofs && squashfs) throw polyglot('erofs', 'a squashfs file system');
  if ((erofs || squashfs) && other) throw polyglot(erofs ? 'erofs' : 'squashfs', other);
  if (erofs) return { format: 'erofs', end: checkErofs(head, size) };
  if (squashfs) return { format: 'squashfs', end: checkSquashfs(head, size) };
  if (other === 'a partition table')
    throw invalid(
      'it has a partition table, and only a bare erofs or squashfs file system can be a layer',
      'copy the partition that holds usr/ out of it (systemd-dissect --copy-from, or losetup -P and dd)',
    );
  throw invalid(
    `it is ${other ?? 'not an erofs or squashfs file system'}`,
    'make one with mkfs.erofs or mksquashfs, or import the directory itself',
  );
}

/** Is it one of the two, by its magic? What else it is, or whether it is sound, is another question. */
export function looksLikeImage(head: Buffer): boolean {
  const { erofs, squashfs } = magicsOf(head);
  return erofs || squashfs;
}

function magicsOf(head: Buffer): { erofs: boolean; squashfs: boolean } {
  return {
    erofs: head.length >= erofsAt + 128 && head.readUInt32LE(erofsAt) === erofsMagic,
    squashfs: head.length >= squashfsHeader && head.readUInt32LE(0) === squashfsMagic,
  };
}

function checkErofs(head: Buffer, size: number): number {
  const at = (offset: number) => erofsAt + offset;
  // mkfs.erofs leaves the boot area empty; whatever is put there is for a parser other than ours.
  if (head.subarray(0, erofsAt).some(byte => byte !== 0))
    throw polyglot('erofs', 'something in its boot area');
  const blockBits = head[at(12)] ?? 0;
  if (blockBits < 9 || blockBits > 16)
    throw invalid(`its erofs superblock has a block size of 2^${blockBits}`);
  const compat = head.readUInt32LE(at(8));
  const incompat = head.readUInt32LE(at(80));
  if ((incompat & ~erofsIncompat) !== 0)
    throw invalid(`it uses erofs features that this version does not know (0x${incompat.toString(16)})`);
  if (head.readUInt16LE(at(86)) !== 0) throw invalid('its data is on other devices (erofs device table)');
  if ((compat & erofsChecksummed) !== 0) checkErofsChecksum(head, 2 ** blockBits);
  return checkSize('erofs', head.readUInt32LE(at(36)) * 2 ** blockBits, size, 2 ** blockBits);
}

function checkErofsChecksum(head: Buffer, blockSize: number): void {
  const { is, says } = erofsChecksum(head, blockSize);
  if (is !== says) throw invalid('the checksum of its erofs superblock is wrong');
}

/** fs/erofs/super.c, erofs_superblock_csum_verify: crc32c of the superblock's block from offset 1024 on, its own field as zero. */
function erofsChecksum(head: Buffer, blockSize: number): { is: number; says: number } {
  const length = blockSize > erofsAt ? blockSize - erofsAt : blockSize;
  const block = Buffer.from(head.subarray(erofsAt, erofsAt + length));
  const says = block.readUInt32LE(4);
  block.writeUInt32LE(0, 4);
  return { is: block.length === length ? crc32c(block) : Number.NaN, says };
}

/** Renews the checksum of an image whose first block was written to. */
export function sealErofs(fd: number): void {
  const head = readHead(fd, 2 ** 16);
  const blockSize = 2 ** (head[erofsAt + 12] ?? 12);
  if ((head.readUInt32LE(erofsAt + 8) & erofsChecksummed) === 0) return;
  const sum = Buffer.alloc(4);
  sum.writeUInt32LE(erofsChecksum(head, blockSize).is);
  writeSync(fd, sum, 0, sum.length, erofsAt + 4);
}

function checkSquashfs(head: Buffer, size: number): number {
  const blockSize = head.readUInt32LE(12);
  const blockLog = head.readUInt16LE(22);
  const [major, minor] = [head.readUInt16LE(28), head.readUInt16LE(30)];
  if (major !== 4 || minor !== 0) throw invalid(`it is squashfs ${major}.${minor}, and only 4.0 is taken`);
  if (blockLog < 12 || blockLog > 20 || blockSize !== 2 ** blockLog)
    throw invalid(`its squashfs superblock has a block size of ${blockSize} (2^${blockLog})`);
  const used = head.readBigUInt64LE(40);
  // id, attribute, inode, directory, fragment and export tables; all lie between the superblock and the end.
  for (let at = 48; at < squashfsHeader; at += 8) {
    const table = head.readBigUInt64LE(at);
    if (table !== none && (table < squashfsHeader || table >= used))
      throw invalid('a table of its squashfs superblock lies outside the file system');
  }
  return checkSize('squashfs', Number(used), size, 4096);
}

/** mkfs pads to one block (4 KiB for mksquashfs, whatever its block size); the caller checks that the padding is empty. */
function checkSize(format: ImageFormat, end: number, size: number, block: number): number {
  if (end === 0) throw invalid(`its ${format} superblock says that it is empty`);
  if (size < end) throw invalid(`it is truncated: ${size} bytes, and its ${format} superblock says ${end}`);
  if (size > end + block)
    throw invalid(`it goes on for ${size - end} bytes after the end of its ${format} file system`);
  return end;
}

function foreignMagic(head: Buffer): string | null {
  const found = foreign.find(({ at, bytes }) =>
    head.subarray(at, at + bytes.length).equals(Buffer.from(bytes, 'latin1')),
  );
  if (found) return found.what;
  if (looksLikeExt(head)) return 'an ext file system';
  return looksPartitioned(head) ? 'a partition table' : null;
}

/** Two bytes of magic fall into erofs' UUID, or squashfs' data: by chance once in 65,536 images, so the fields around count too. */
function looksLikeExt(head: Buffer): boolean {
  if (head.length < 0x460 || head.readUInt16LE(0x438) !== 0xef53) return false;
  return head.readUInt32LE(0x418) <= 6 && head.readUInt32LE(0x44c) <= 1 && head.readUInt16LE(0x43a) <= 7;
}

function looksPartitioned(head: Buffer): boolean {
  if (head.length < 512 || head.readUInt16LE(510) !== 0xaa55) return false;
  const entries = [446, 462, 478, 494].map(at => ({ status: head[at] ?? 1, type: head[at + 4] ?? 0 }));
  return entries.every(({ status }) => (status & 0x7f) === 0) && entries.some(({ type }) => type !== 0);
}

const castagnoli = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1;
  return c >>> 0;
});

/** The kernel's crc32c(~0, ...): no final complement. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = ((castagnoli[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8)) >>> 0;
  return crc;
}

function polyglot(format: string, other: string): NanolinError {
  return new NanolinError(
    'image-hostile',
    `it is ${format}, and ${other} as well: another program would see other files in it`,
    'make the image again from its files',
  );
}

function invalid(message: string, hint = 'fetch or make the image again'): NanolinError {
  return new NanolinError('image-invalid', message, hint);
}
