import { native } from '../kernel/index.ts';

/** The extended attributes of one entry, itself and not what it points to; undefined when it has none. */
export function readAttributes(path: Buffer): Record<string, Uint8Array> | undefined {
  const names = listAttributes(path);
  if (names.length === 0) return undefined;
  // No prototype: an attribute may be called anything.
  const found: Record<string, Uint8Array> = Object.create(null);
  for (const name of names) found[name] = native.lgetxattr(path, name);
  return found;
}

function listAttributes(path: Buffer): string[] {
  try {
    return native.llistxattr(path);
  } catch (error) {
    // A squashfs that was made without attributes (fs/squashfs/xattr.c).
    if ((error as { code?: string }).code === 'EOPNOTSUPP') return [];
    throw error;
  }
}
