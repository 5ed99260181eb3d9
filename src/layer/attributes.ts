import { isUtf8 } from 'node:buffer';
import { NanolinError } from '../error/index.ts';
import { native } from '../kernel/index.ts';

/** The extended attributes of one entry, itself and not what it points to; undefined when it has none. `path` is latin1. */
export function readAttributes(root: string, path: string): Record<string, Uint8Array> | undefined {
  const bytes = Buffer.from(path, 'latin1');
  if (!isUtf8(bytes))
    throw new NanolinError('image-invalid', `attributes of ${JSON.stringify(path)} cannot be read`);
  const at = `${root}/${bytes.toString('utf8')}`;
  const names = native.llistxattr(at);
  if (names.length === 0) return undefined;
  // No prototype: an attribute may be called anything.
  const found: Record<string, Uint8Array> = Object.create(null);
  for (const name of names) found[name] = native.lgetxattr(at, name);
  return found;
}
