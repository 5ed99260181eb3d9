import type { Mount } from '../kernel/index.ts';
import type { MountRecord } from './record.ts';

/** Is this mount the recorded one? The id may be used again after the mount is gone; the source's random token is not. */
export function isOurs(mount: Mount, record: MountRecord | undefined): boolean {
  return (
    record !== undefined &&
    mount.id === record.identity.id &&
    mount.type === record.type &&
    mount.source === record.source &&
    mount.mountPoint === record.target
  );
}
