import { MOUNT_ATTR_RDONLY } from './constants.ts';
import { Descriptor } from './descriptor.ts';
import { native } from './native.ts';
import { refusal } from './refusal.ts';

/** An empty directory as a detached, read-only mount: the lowest lower of a stack that would have one lower and no upper. */
export function openEmpty(): number {
  try {
    using context = new Descriptor(native.fsopen('tmpfs'));
    native.fsconfigString(context.fd, 'mode', '0755');
    native.fsconfigString(context.fd, 'size', '4k');
    native.fsconfigCreate(context.fd);
    return native.fsmount(context.fd, MOUNT_ATTR_RDONLY);
  } catch (error) {
    throw refusal(error, 'mount-failed', 'the kernel does not mount an empty tmpfs');
  }
}
