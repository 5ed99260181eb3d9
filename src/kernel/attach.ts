import { NanolinError } from '../error/index.ts';
import { MOUNT_ATTR_NOATIME, MOUNT_ATTR_NODEV, MOUNT_ATTR_RDONLY } from './constants.ts';
import { Descriptor } from './descriptor.ts';
import { native } from './native.ts';
import { refusal, saidAny } from './refusal.ts';
import type { ShutWays } from './ways.ts';

export interface Attached {
  /** Root of a detached mount: closing it drops the mount unless an overlay has taken it as a layer. */
  readonly fd: number;
  readonly way: 'file-backed' | 'loop';
}

/**
 * Mounts an image detached and read-only; the type is always named, no other superblock reaches the kernel. No nosuid here: an overlay
 * asks its own mount about setuid, never its layers'. Throws image-invalid with what the kernel said about the image.
 */
export function attachImage(
  imageFd: number,
  format: 'erofs' | 'squashfs',
  { forced }: { forced: ShutWays },
): Attached {
  try {
    if (format === 'erofs' && !forced.has('no-file-backed')) {
      try {
        return { fd: mountImage(format, `/proc/self/fd/${imageFd}`), way: 'file-backed' };
      } catch (error) {
        // Linux before 6.12, or an image on tmpfs or overlayfs, which a file-backed mount cannot read (fs/erofs/super.c).
        if (!saidAny(error, 'ENOTBLK')) throw error;
      }
    }
    return { fd: mountThroughLoop(imageFd, format), way: 'loop' };
  } catch (error) {
    const broken = saidAny(
      error,
      'EINVAL',
      'EUCLEAN',
      'EIO',
      'EBADMSG',
      'EOPNOTSUPP',
      'EFBIG',
      'ERANGE',
      'ENOENT',
    );
    throw refusal(
      error,
      broken ? 'image-invalid' : 'mount-failed',
      `the kernel does not mount the ${format} image`,
    );
  }
}

/** The mount keeps the device, and autoclear frees it with the mount: the descriptor is needed until then only. */
function mountThroughLoop(imageFd: number, format: string): number {
  const { fd, path } = openLoop(imageFd);
  using _loop = new Descriptor(fd);
  return mountImage(format, path);
}

/** A container may have no loop devices, or none that it may open: that says nothing about the image. */
function openLoop(imageFd: number): { fd: number; path: string } {
  try {
    return native.loopAttach(imageFd, 0);
  } catch (error) {
    if (!saidAny(error, 'ENOENT', 'ENODEV', 'ENXIO', 'EACCES', 'EPERM')) throw error;
    const code = saidAny(error, 'EACCES', 'EPERM') ? 'needs-rights' : 'needs-kernel';
    throw new NanolinError(
      code,
      `no loop device can be had: ${(error as Error).message}`,
      'modprobe loop, or run as root',
      {
        cause: error,
      },
    );
  }
}

function mountImage(type: string, source: string): number {
  using context = new Descriptor(native.fsopen(type));
  native.fsconfigString(context.fd, 'source', source);
  native.fsconfigFlag(context.fd, 'ro');
  native.fsconfigCreate(context.fd);
  return native.fsmount(context.fd, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOATIME);
}
