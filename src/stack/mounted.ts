import { randomBytes } from 'node:crypto';
import type { Mount } from '../kernel/index.ts';
import type { Backend } from './mounter.ts';
import type { MountRecord } from './record.ts';

/** Is this mount the recorded one? The id may be used again after the mount is gone; the source's random token is not. */
export function isOurs(mount: Mount, record: MountRecord | undefined): boolean {
  return (
    record !== undefined &&
    (record.identity.id === 0 || mount.id === record.identity.id) &&
    mount.type === record.type &&
    mount.source === record.source &&
    mount.mountPoint === record.target
  );
}

/** mountinfo's source of a new stack: a token that no other has. */
export const sourceOf = (generation: number): string =>
  `nanolin-${generation}-${randomBytes(6).toString('hex')}`;

/** mountinfo's type of what a backend mounts. */
export const typeOfBackend: Readonly<Record<Backend, string>> = { kernel: 'overlay', fuse: 'fuse.nanolin' };

export function backendOf({ type }: Pick<MountRecord, 'type'>): Backend {
  return type === typeOfBackend.fuse ? 'fuse' : 'kernel';
}
