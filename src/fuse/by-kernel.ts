import { resolve } from 'node:path';
import { NanolinError } from '../error/index.ts';
import {
  AT_FDCWD,
  assembleOverlay,
  MOUNT_ATTR_RDONLY,
  MOVE_MOUNT_F_EMPTY_PATH,
  native,
  O_DIRECTORY,
  O_PATH,
  openEmpty,
} from '../kernel/index.ts';
import { requireLayers } from './layers.ts';
import type { UnionOptions } from './options.ts';

const AT_EMPTY_PATH = 0x1000;
const attributes: Readonly<Record<string, number>> = { nosuid: 0x2, nodev: 0x4, noexec: 0x8, noatime: 0x10 };

/** The same union as an overlay of the kernel's. It needs no process. Throws what `assembleOverlay` throws. */
export function mountByKernel(options: UnionOptions, target: string, source: string): void {
  if (options.oci) throw new NanolinError('needs-kernel', 'the kernel does not know the marks of OCI layers');
  requireLayers(options);
  const fds: number[] = [];
  const open = (fd: number): number => {
    fds.push(fd);
    return fd;
  };
  try {
    const lowers = options.lowers.map(path =>
      open(native.openat2(AT_FDCWD, resolve(path), O_PATH | O_DIRECTORY, 0, 0)),
    );
    // The kernel takes no overlay of one lower alone.
    if (!options.upper && lowers.length === 1) lowers.push(open(openEmpty()));
    const overlay = assembleOverlay({
      lowers,
      ...(options.upper && { upper: absolute(options.upper) }),
      source,
      nosuid: false,
      options: [...(options.userxattr ? ['userxattr'] : []), ...(options.volatile ? ['volatile'] : [])],
      forced: new Set(),
    });
    open(overlay.fd);
    const set = options.mount.reduce(
      (mask, name) => mask | (attributes[name] ?? 0),
      options.readOnly ? MOUNT_ATTR_RDONLY : 0,
    );
    if (set !== 0) native.mountSetattr(overlay.fd, '', AT_EMPTY_PATH, BigInt(set), 0n, 0n);
    native.moveMount(overlay.fd, '', AT_FDCWD, resolve(target), MOVE_MOUNT_F_EMPTY_PATH);
  } finally {
    for (const fd of fds) native.close(fd);
  }
}

const absolute = ({ upper, work }: { upper: string; work: string }) => ({
  upper: resolve(upper),
  work: resolve(work),
});
