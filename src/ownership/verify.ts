import { below, type Node, sameAttributes, sameContent, type Tree } from './tree.ts';
import { resolve, type Union } from './union.ts';

/**
 * `masks`: the entry hides more than it replaces: an opaque directory or a non-directory where the layers show a directory, or
 * a whiteout of a name that no layer brings at present.
 */
export type LocalKind = 'added' | 'changed' | 'attributes' | 'deleted' | 'masks';

export interface LocalChange {
  readonly path: string;
  readonly kind: LocalKind;
  /** Index of the lower whose path it was, null where there is none. */
  readonly lower: number | null;
}

/**
 * What the entries of an upper do to what the layers show without it, a walk of the upper alone: lowers cannot change. What was
 * copied up and is as it was is not named. A file is hashed only where size and type leave it open whether its content changed.
 */
export function* verifyUpper(upper: Tree, lowers: Union): Generator<LocalChange> {
  const open = [''];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const node = upper.entry(path);
    if (node === null) continue;
    const without = resolve(lowers, path);
    const kind = classify(node, without?.node ?? null, path === '');
    if (kind !== null) yield { path, kind, lower: without?.index ?? null };
    if (node.kind === 'dir')
      for (const name of [...upper.children(path)].reverse()) open.push(below(path, name));
  }
}

/** The mark of a root is not looked at by the kernel, see roots(). */
function classify(node: Node, without: Node | null, root: boolean): LocalKind | null {
  if (node.kind === 'whiteout') return without === null ? 'masks' : 'deleted';
  if (without === null) return 'added';
  if (without.kind === 'dir' && (node.kind !== 'dir' || (node.opaque && !root))) return 'masks';
  if (!sameContent(node, without)) return 'changed';
  return sameAttributes(node, without) ? null : 'attributes';
}
