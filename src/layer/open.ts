import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';
import { native } from '../kernel/index.ts';
import { type Context, strangerOwns } from '../state/index.ts';
import { checkTrusted } from '../trust/index.ts';
import { putRecord, readRecords } from './layer-index.ts';
import { hashFile } from './read-source.ts';
import { equalIdentities, type Identity, identityIn, identityOf, type LayerRecord } from './record.ts';
import { imagePath } from './store.ts';
import type { Layer } from './types.ts';

/** An image that was verified by descriptor: mount this descriptor, then ask `sameIdentity(fd, identity)` once more. */
export interface OpenImage extends Disposable {
  readonly fd: number;
  readonly format: 'erofs' | 'squashfs';
  /** Bytes. */
  readonly size: number;
  readonly identity: Identity;
}

type Wanted = Pick<Layer, 'name' | 'image' | 'digest'>;

/**
 * Opens a stored image for mounting, after checks by descriptor: a regular file of root's or our own that nobody may write or has open for writing,
 * untouched since it was recorded. What is untouched is not read, so the time does not depend on the size; what was touched is hashed
 * again, and if it is the same the record is renewed. A signed layer is held to its key, which may have been taken away since. Throws
 * layer-missing, image-changed or unsigned, naming the layer.
 */
export function openVerifiedSync(ctx: Context, wanted: Wanted): OpenImage {
  const image = openChecked(ctx, wanted);
  if (image.untouched) return image;
  try {
    if (hashSync(ctx, image.fd, wanted.name) !== image.record.digest) throw otherContent(wanted);
    return { ...image, identity: renew(ctx, image.record, image.fd, image.identity) };
  } catch (error) {
    image[Symbol.dispose]();
    throw error;
  }
}

/** As `openVerifiedSync`, but an image that has to be hashed again does not hold up the event loop. */
export async function openVerified(ctx: Context, wanted: Wanted): Promise<OpenImage> {
  const image = openChecked(ctx, wanted);
  if (image.untouched) return image;
  {
    using touched = image;
    if ((await rehash(ctx, touched.fd, touched.record)) !== touched.record.digest) throw otherContent(wanted);
    renew(ctx, touched.record, touched.fd, touched.identity);
  }
  // Whoever opened it for writing while it was hashed is met here.
  return openVerifiedSync(ctx, wanted);
}

interface Checked extends OpenImage {
  readonly record: LayerRecord;
  /** It is what was recorded, without a look into it. */
  readonly untouched: boolean;
}

function openChecked(ctx: Context, wanted: Wanted): Checked {
  const record = recordOf(ctx, wanted);
  const fd = openImage(ctx, wanted);
  try {
    const identity = checkFile(ctx, wanted, fd);
    const { format, size } = record;
    const untouched = equalIdentities(identity, record.identity);
    return { fd, format, size, identity, record, untouched, [Symbol.dispose]: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** SHA-256 of a stored image as it is now; null when it does not even have its size any more. */
export async function rehash(ctx: Context, fd: number, record: LayerRecord): Promise<string | null> {
  if (fstatSync(fd).size !== record.size) return null;
  return hashFile(ctx, fd, { task: 'verify', subject: record.name, size: record.size });
}

export function openImage(ctx: Context, { name, image }: Pick<Layer, 'name' | 'image'>): number {
  try {
    return openSync(imagePath(ctx, image), constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT') throw gone(`the image of ${name} is not in the store: ${image}`);
    if (code === 'ELOOP') throw changed({ name }, 'it is a symlink');
    throw error;
  }
}

/** The checks that need no reading; returns what the file is now. */
export function checkFile(ctx: Context, wanted: Pick<Layer, 'name'>, fd: number): Identity {
  const stat = fstatSync(fd, { bigint: true });
  if (!stat.isFile()) throw changed(wanted, 'it is no regular file');
  const stranger = strangerOwns(Number(stat.uid));
  if (stranger !== null) throw changed(wanted, `it ${stranger}`);
  if ((stat.mode & 0o222n) !== 0n) throw changed(wanted, 'it may be written to');
  if (!unwritten(ctx, fd)) throw changed(wanted, 'a process has it open for writing');
  return identityIn(stat);
}

function recordOf(ctx: Context, { name, image, digest }: Wanted): LayerRecord {
  const record = readRecords(ctx).get(image);
  if (!record) throw gone(`${name} is not on record: ${image}`);
  if (record.digest !== digest) throw changed({ name }, `${image} was imported again with other content`);
  checkSigner(ctx, record);
  return record;
}

/** Throws unsigned, naming the key, when the key that signed a layer is not trusted any more. */
export function checkSigner(ctx: Context, { name, signedBy = '', signer }: LayerRecord): void {
  if (signer !== undefined) checkTrusted(ctx, { name: signedBy, fingerprint: signer }, name);
}

/** The identity that was taken before the hash: a write in between shows as a difference. */
function renew(ctx: Context, record: LayerRecord, fd: number, before: Identity): Identity {
  if (!equalIdentities(identityOf(fd), before)) throw changed(record, 'it was written to while it was read');
  putRecord(ctx, { ...record, identity: before });
  return before;
}

/** A lease can be had only where nobody writes (fcntl(2)); a file system without leases cannot tell. */
function unwritten(ctx: Context, fd: number): boolean {
  try {
    return native.unwritten(fd);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // EACCES: root's file, and we are not root.
    if (code !== 'EINVAL' && code !== 'EOPNOTSUPP' && code !== 'EACCES') throw error;
    ctx.log.debug({ code }, 'no lease can be had on the image');
    return true;
  }
}

function hashSync(ctx: Context, fd: number, subject: string): string {
  const total = fstatSync(fd).size;
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(2 ** 20);
  for (let at = 0, got = 1; got > 0; at += got) {
    got = readSync(fd, buffer, 0, buffer.length, at);
    hash.update(buffer.subarray(0, got));
    ctx.progress({ task: 'verify', subject, done: at, total });
  }
  return hash.digest('hex');
}

function gone(message: string): NanolinError {
  return new NanolinError('layer-missing', message, 'import it again: nanolin layer import');
}

const otherContent = (wanted: Wanted): NanolinError =>
  changed(wanted, 'its content is not what was imported');

function changed({ name }: Pick<Layer, 'name'>, why: string): NanolinError {
  return new NanolinError(
    'image-changed',
    `the image of ${name} is not as it was imported: ${why}`,
    'import it again, and find out who changed it',
  );
}
