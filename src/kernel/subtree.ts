import { NanolinError } from '../error/index.ts';
import { O_DIRECTORY, O_PATH, RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS } from './constants.ts';
import { native } from './native.ts';
import { saidAny } from './refusal.ts';

/**
 * A directory of an image, `''` for its root, as an O_PATH descriptor of its own; null when the image has none. Image content is not
 * trusted: a symbolic link on the way, or something that is no directory, throws image-invalid.
 */
export function openSubtree(mountFd: number, from: string): number | null {
  try {
    return native.openat2(
      mountFd,
      from === '' ? '.' : from,
      O_PATH | O_DIRECTORY,
      0,
      RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
    );
  } catch (error) {
    if (saidAny(error, 'ENOENT')) return null;
    const what = saidAny(error, 'ELOOP')
      ? 'a symbolic link'
      : saidAny(error, 'ENOTDIR')
        ? 'not a directory'
        : null;
    if (what === null) throw error;
    const hint = 'the image cannot be stacked on this target: leave it out, or name another `from=`';
    throw new NanolinError('image-invalid', `in the image, ${from} is ${what}`, hint, { cause: error });
  }
}
