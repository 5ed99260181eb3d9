import type { Tree } from './tree.ts';

const ESCAPE = 'overlay.';

/** overlayfs's own attributes in a layer; the escaped ones, of a union inside the union, are not. */
export const isPrivate = ({ prefix }: Pick<Tree, 'prefix'>, name: string): boolean =>
  name.startsWith(prefix) && !name.startsWith(prefix + ESCAPE);

/** A name as the caller says it to the name in the layer: our own names cannot be reached, let alone forged. */
export const stored = ({ prefix }: Pick<Tree, 'prefix'>, name: string): string =>
  name.startsWith(prefix) ? prefix + ESCAPE + name.slice(prefix.length) : name;

/** The reverse; null for what is never shown. */
export function shownName({ prefix }: Pick<Tree, 'prefix'>, name: string): string | null {
  if (!name.startsWith(prefix)) return name;
  return name.startsWith(prefix + ESCAPE) ? prefix + name.slice(prefix.length + ESCAPE.length) : null;
}
