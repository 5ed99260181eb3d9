import {
  AT_FDCWD,
  Descriptor,
  MOUNT_ATTR_NODEV,
  MOUNT_ATTR_NOSUID,
  MOUNT_ATTR_RDONLY,
  native,
  O_RDWR,
} from '../kernel/index.ts';
import { union } from './native.ts';

/**
 * A FUSE mount that lies nowhere yet and goes with its descriptor; the next union of this process serves it. Needs the rights to mount,
 * and Linux 5.4. The options are those that libfuse gives for root.
 */
export function mountDetached(source: string, attributes: { readOnly: boolean; nosuid: boolean }): number {
  using device = new Descriptor(native.openat2(AT_FDCWD, '/dev/fuse', O_RDWR, 0, 0));
  using context = new Descriptor(native.fsopen('fuse'));
  native.fsconfigString(context.fd, 'source', source);
  native.fsconfigString(context.fd, 'subtype', 'nanolin');
  for (const [key, value] of [
    ['fd', device.fd],
    ['rootmode', 40000],
    ['user_id', 0],
    ['group_id', 0],
  ] as const)
    native.fsconfigString(context.fd, key, String(value));
  for (const flag of ['default_permissions', 'allow_other', ...(attributes.readOnly ? ['ro'] : [])])
    native.fsconfigFlag(context.fd, flag);
  native.fsconfigCreate(context.fd);
  const mount = native.fsmount(
    context.fd,
    (attributes.readOnly ? MOUNT_ATTR_RDONLY : 0) |
      (attributes.nosuid ? MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV : 0),
  );
  // It is libfuse's to close.
  union.adopt(device.release());
  return mount;
}
