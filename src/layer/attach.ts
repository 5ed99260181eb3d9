import { NanolinError } from '../error/index.ts';
import { attachImage, type ImageReader, native } from '../kernel/index.ts';
import type { Context } from '../state/index.ts';
import { extractedTree } from './extracted.ts';
import { mountForReading } from './image-mounts.ts';
import { type OpenImage, openVerified } from './open.ts';
import { sameIdentity } from './record.ts';
import type { Layer } from './types.ts';

export type AttachWay = 'file-backed' | 'loop' | ImageReader | 'extracted';

/** A layer that can be a lower. */
export interface AttachedLayer {
  /**
   * Root of its tree, the caller's to close: a detached mount, which goes with the descriptor unless an overlay has taken it, or where
   * we may not mount an O_PATH descriptor of the directory.
   */
  readonly fd: number;
  readonly way: AttachWay;
}

type Wanted = Pick<Layer, 'name' | 'image' | 'digest'>;

/**
 * Makes a stored image readable, in the first way that is open to us: the kernel mounts it; squashfuse or erofsfuse reads the descriptor
 * that was verified; its tree is extracted into the cache. Throws what `openVerified` throws, image-changed for an image that was
 * written to meanwhile, and needs-rights with the reason of each way when none is open.
 */
export async function attachLayer(ctx: Context, wanted: Wanted): Promise<AttachedLayer> {
  using image = await openVerified(ctx, wanted);
  const attached = await firstWay(ctx, wanted, image);
  if (sameIdentity(image.fd, image.identity)) return attached;
  native.close(attached.fd);
  throw new NanolinError(
    'image-changed',
    `the image of ${wanted.name} was written to while it was mounted`,
    `import it again: ${wanted.image}`,
  );
}

async function firstWay(ctx: Context, wanted: Wanted, image: OpenImage): Promise<AttachedLayer> {
  const closed: NanolinError[] = [];
  for (const way of [byKernel, byProgram, byExtracting]) {
    try {
      return await way(ctx, wanted, image);
    } catch (error) {
      if (!(error instanceof NanolinError) || !isClosed(error)) throw error;
      ctx.log.debug({ image: wanted.image, error: error.message }, 'the next way is tried');
      closed.push(error);
    }
  }
  // Where the programs are there and fail, it is this image's fault: the others can go on without it.
  const failed = closed.some(({ code }) => code === 'command-failed');
  throw new NanolinError(
    failed ? 'mount-failed' : 'needs-rights',
    `the image of ${wanted.name} cannot be read: ${closed.map(({ message }) => message).join('; ')}`,
    closed.find(({ code }) => code === 'needs-program')?.hint ?? 'see `nanolin doctor`',
  );
}

/** Says an error that this way is not open here? Any other is about the image, or about what no way gets round (a full disk). */
const isClosed = ({ code }: NanolinError): boolean =>
  ['needs-rights', 'needs-kernel', 'needs-program', 'command-failed'].includes(code);

async function byKernel(ctx: Context, _wanted: Wanted, { fd, format }: OpenImage): Promise<AttachedLayer> {
  if (ctx.forced.has('no-image-mounts'))
    throw new NanolinError('needs-rights', 'image mounts are shut by force');
  return attachImage(fd, format, { forced: ctx.forced });
}

async function byProgram(ctx: Context, { digest }: Wanted, image: OpenImage): Promise<AttachedLayer> {
  if (ctx.forced.has('no-image-fuse'))
    throw new NanolinError('needs-rights', 'image readers are shut by force');
  return mountForReading(ctx, digest, image);
}

async function byExtracting(ctx: Context, wanted: Wanted, image: OpenImage): Promise<AttachedLayer> {
  return { fd: await extractedTree(ctx, wanted, image), way: 'extracted' };
}
