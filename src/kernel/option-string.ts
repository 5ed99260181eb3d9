import { NanolinError } from '../error/index.ts';

/** mount(2) copies one page, and its last byte is the NUL (copy_mount_options in fs/namespace.c). */
const PAGE = 4096;

/** A value for overlayfs's option string: `,` ends an option, `:` a lower, and the backslash escapes. */
export function escapeOption(value: string): string {
  return value.replace(/[\\,:]/g, '\\$&');
}

/** Options that are escaped already, joined for mount(2); throws refused when they do not fit into a page. */
export function optionString(options: readonly string[]): string {
  const text = options.join(',');
  if (Buffer.byteLength(text) >= PAGE)
    throw new NanolinError(
      'refused',
      'the mount options of the stack are longer than a page',
      'use fewer layers or a shorter state directory',
    );
  return text;
}
