import { chmodSync, closeSync, fstatSync, lstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import type { Entry } from '../formats/index.ts';
import { attachImage, fuseProblem, native } from '../kernel/index.ts';
import type { Context } from '../state/index.ts';
import { readErofsInodes } from './erofs-inodes.ts';
import { extractImage, linkNames, placeIn } from './extract.ts';
import { mountForReading, releaseImageMounts } from './image-mounts.ts';
import { limits } from './limits.ts';
import { readHead } from './read-source.ts';
import { identityOf } from './record.ts';
import { headLength, type ImageFormat, readSuperblock } from './superblock.ts';
import type { ToldEntries } from './told.ts';
import { walkTree } from './walk.ts';

export interface Found {
  readonly entries: readonly Entry[];
  /** What could be known here of an entry, for what `entries` is compared with. */
  readonly known: (entry: Entry) => Entry;
}

interface Image {
  readonly fd: number;
  readonly format: ImageFormat;
  /** Bytes. */
  readonly size: number;
}

/**
 * The entries of an image that nobody has looked into yet, judged: first its superblock, by us, and only then its tree, through the kernel,
 * or where that mounts no images for us by reading it as ourselves. `image` is a copy of ours in the directory `work`.
 */
export async function readImage(
  ctx: Context,
  work: string,
  image: string,
  subject: string,
): Promise<Found & { format: ImageFormat; size: number }> {
  const fd = openSync(image, 'r');
  try {
    const { size } = fstatSync(fd);
    const { format, end } = readSuperblock(readHead(fd, headLength), size);
    checkPadding(fd, end, size);
    return { format, size, ...(await findIn(ctx, work, { fd, format, size }, subject)) };
  } catch (error) {
    if (!(error instanceof NanolinError) || error.message.startsWith(subject)) throw error;
    throw new NanolinError(error.code, `${subject} is refused: ${error.message}`, error.hint, {
      cause: error,
    });
  } finally {
    closeSync(fd);
  }
}

async function findIn(ctx: Context, work: string, image: Image, subject: string): Promise<Found> {
  const mounted = attached(ctx, image);
  if (mounted !== null) return { entries: await walkMount(ctx, mounted, subject), known: entry => entry };
  if (image.format === 'squashfs')
    return { entries: (await walkShown(ctx, image, subject)).map(ownAttributes), known: ownAttributes };
  // Debian 12 has no erofsfuse, and what can be known of an erofs image without it is enough.
  const entries = await walkExtracted(ctx, join(work, 'looked-at'), image, subject);
  return { entries, known: entry => entry };
}

async function walkShown(ctx: Context, image: Image, subject: string): Promise<Entry[]> {
  try {
    const { fd } = await mountForReading(ctx, 'foreign', { ...image, identity: identityOf(image.fd) });
    return await walkMount(ctx, fd, subject);
  } catch (error) {
    if (!(error instanceof NanolinError) || error.code !== 'command-failed') throw error;
    throw (await fuseProblem()) ?? damaged(error);
  } finally {
    await releaseImageMounts(ctx);
  }
}

/** squashfuse 0.1 takes `security.` and `trusted.` for one another, and the kernel shows users none of the latter (xattr(7)). */
function ownAttributes({ xattrs = {}, ...entry }: Entry): Entry {
  const own = Object.entries(xattrs).filter(([name]) => name.startsWith('user.'));
  return own.length === 0 ? entry : { ...entry, xattrs: Object.fromEntries(own) };
}

/** Null where the kernel mounts no images for us. */
function attached(ctx: Context, { fd, format }: Image): number | null {
  if (ctx.forced.has('no-image-mounts')) return null;
  try {
    return attachImage(fd, format, { forced: ctx.forced }).fd;
  } catch (error) {
    if (error instanceof NanolinError && /^needs-(?:rights|kernel)$/.test(error.code)) return null;
    throw error;
  }
}

async function walkMount(ctx: Context, mount: number, subject: string): Promise<Entry[]> {
  try {
    return await walkTree(ctx, `/proc/self/fd/${mount}`, subject);
  } finally {
    native.close(mount);
  }
}

/** The inodes are read and judged first: fsck.erofs goes wherever a name leads it. */
async function walkExtracted(ctx: Context, tree: string, image: Image, subject: string): Promise<Entry[]> {
  const inodes = readErofsInodes(image.fd, image.size);
  let bytes = 0;
  for (const { path, type, size } of inodes) {
    bytes += type === 'file' ? size : 0;
    if (bytes > limits.bytes) throw hostile(path, `with it the files have more than ${limits.bytes} bytes`);
  }
  await extractImage(ctx, image, tree, subject).catch(error => {
    throw error instanceof NanolinError && error.code === 'command-failed' ? damaged(error) : error;
  });
  linkNames(
    tree,
    inodes.flatMap(({ path, type, nid }) => (type === 'dir' ? [] : [{ path, inode: nid }])),
  );
  const told: ToldEntries = new Map();
  for (const { path, type, mode, uid, gid, xattrs } of inodes) {
    const place = placeIn(tree, path);
    if (type !== 'link') chmodSync(place, type === 'dir' ? 0o700 : 0o600);
    told.set(lstatSync(place, { bigint: true }).ino, { mode, uid, gid, ...(xattrs && { xattrs }) });
  }
  return walkTree(ctx, tree, subject, told);
}

/** mkfs pads with zeros; anything else was put there for somebody. */
function checkPadding(fd: number, end: number, size: number): void {
  const padding = readHead(fd, size - end, end);
  if (padding.some(byte => byte !== 0))
    throw new NanolinError(
      'image-hostile',
      'there is something between the end of its file system and the end of the file',
      'make the image again from its files',
    );
}

const damaged = (error: NanolinError): NanolinError =>
  new NanolinError('image-invalid', error.message, 'fetch or make the image again', { cause: error });

const hostile = (path: string, why: string): NanolinError =>
  new NanolinError(
    'image-hostile',
    `/${path.replace(/\p{Cc}/gu, '?').slice(0, 200)}: ${why}`,
    'make the layer without it',
  );
