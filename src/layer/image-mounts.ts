import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  Descriptor,
  type ImageReader,
  imageReader,
  isSysError,
  MNT_DETACH,
  type Mount,
  native,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLONE,
  readMountinfo,
  saidAny,
  topmost,
  UMOUNT_NOFOLLOW,
} from '../kernel/index.ts';
import type { Context } from '../state/index.ts';
import type { OpenImage } from './open.ts';
import { run } from './run.ts';

/** Milliseconds until a program counts as hung: one that mounts, and one that is asked for the root of its mount. */
const MOUNTING = 10_000;
const ANSWERING = 3000;

/**
 * Has a program read an image that was verified, by the descriptor: mounted below run/, one mount an image for all stacks, and taken off
 * by `releaseImageMounts`. A mount whose program ended or hangs is taken out of sight and made again; stacks on the old one keep
 * what they had. Throws needs-program, needs-rights or command-failed.
 */
export async function mountForReading(
  ctx: Context,
  digest: string,
  { fd: image, format, identity }: Pick<OpenImage, 'fd' | 'format' | 'identity'>,
): Promise<{ fd: number; way: ImageReader }> {
  const { reader: way, path: program } = imageReader(format);
  if (program === null)
    throw new NanolinError('needs-program', `${way} is not installed`, `apt-get install ${way}`);
  // A file of the same content is another file: what was written into the old one would still be shown.
  const mark = createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 16);
  const place = join(ctx.paths.images, `${digest}-${mark}`);
  if (mountAt(place) && !(await answers(ctx, place))) {
    await unmount(ctx, place, 'lazily');
    if (mountAt(place))
      throw new NanolinError('command-failed', `what is mounted on ${place} is dead and stays`);
  }
  if (!mountAt(place)) {
    mkdirSync(place, { recursive: true, mode: 0o700 });
    // The descriptor is its standard input, which it gives up once it stays in the background.
    await run(ctx, program, ['-o', 'ro,nodev', '/proc/self/fd/0', place], {
      stdin: image,
      timeout: MOUNTING,
    });
    ctx.at('attach:mounted');
  }
  return { fd: openMount(place), way };
}

/** Takes off what no stack has open any more, and what a crash left. */
export async function releaseImageMounts(ctx: Context): Promise<void> {
  const places = namesIn(ctx.paths.images).map(name => join(ctx.paths.images, name));
  await Promise.all(
    places.map(async place => {
      if (mountAt(place)) await unmount(ctx, place, 'unused');
      if (!mountAt(place)) rmSync(place, { recursive: true, force: true });
    }),
  );
}

/** Where we may mount, a clone of our own, so that the one below run/ can go; else the directory, which keeps it busy. */
function openMount(place: string): number {
  using shown = new Descriptor(native.openat2(AT_FDCWD, place, O_PATH | O_DIRECTORY, 0, 0));
  // It may have ended meanwhile, and the directory below is empty.
  if (!native.statxMount(shown.fd, '', AT_EMPTY_PATH).root)
    throw new NanolinError('command-failed', `what was mounted on ${place} is gone`);
  try {
    return native.openTree(shown.fd, '', OPEN_TREE_CLONE | AT_EMPTY_PATH);
  } catch (error) {
    if (!saidAny(error, 'EPERM')) throw error;
    return shown.release();
  }
}

function mountAt(place: string): Mount | undefined {
  return topmost(readMountinfo(), place);
}

/** Asked in a process of its own, which a program that hangs cannot make ours wait for. */
async function answers(ctx: Context, place: string): Promise<boolean> {
  try {
    await run(ctx, 'ls', ['-a', '--', place], { timeout: ANSWERING });
    return true;
  } catch (error) {
    if (error instanceof NanolinError && error.code === 'command-failed') return false;
    throw error;
  }
}

/** EBUSY is no error: a stack reads it. */
async function unmount(ctx: Context, place: string, how: 'unused' | 'lazily'): Promise<void> {
  const lazily = how === 'lazily';
  try {
    native.umount2(place, UMOUNT_NOFOLLOW | (lazily ? MNT_DETACH : 0));
    return;
  } catch (error) {
    if (!isSysError(error) || error.code === 'EBUSY') return;
    if (error.code !== 'EPERM') throw error;
  }
  await run(ctx, 'fusermount', ['-u', ...(lazily ? ['-z'] : []), '--', place]).catch(error =>
    ctx.log.debug({ place, error: String(error) }, 'the image stays mounted'),
  );
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
