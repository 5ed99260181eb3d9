import type { Entry } from '../formats/index.ts';
import { limits } from './limits.ts';

/** A name that a directory of an image holds, before anything is done with it; null when it may be used. */
export function judgeName(name: string): string | null {
  // The kernel hands out what the image says: a crafted directory may hold names that no program could have made.
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0'))
    return 'a name that leads elsewhere';
  return name.length > limits.name ? `a name longer than ${limits.name} bytes` : null;
}

/** Why a layer may not hold this entry; null when it may. */
export function judgeEntry(entry: Pick<Entry, 'path' | 'type' | 'device' | 'xattrs'>): string | null {
  if (entry.path.length > limits.path) return `its path is longer than ${limits.path} bytes`;
  if (entry.path.split('/').length > limits.depth) return `it is more than ${limits.depth} directories deep`;
  if (entry.type === 'char' && entry.device?.major === 0 && entry.device.minor === 0)
    return 'it is an overlay whiteout, which would hide a file of the layers below';
  if (entry.type === 'char' || entry.type === 'block') return 'it is a device node';
  if (entry.type === 'fifo' || entry.type === 'socket') return `it is a ${entry.type}`;
  // opaque, redirect, metacopy, origin and the like: the kernel would take them for its own (fs/overlayfs/overlayfs.h). squashfuse 0.1
  // calls security. what is trusted. in the image, and the reverse.
  const marker = Object.keys(entry.xattrs ?? {}).find(name =>
    /^(trusted|user|security)\.overlay\./.test(name),
  );
  return marker === undefined ? null : `it carries the overlay marker ${marker}`;
}
