import type { Node, Tree } from '../ownership/index.ts';

export interface Difference {
  readonly path: string;
  readonly kind: 'missing' | 'extra' | 'type' | 'content' | 'attributes';
}

/** A file whose content is still to be looked at. */
export interface Unread {
  readonly path: string;
  readonly size: number;
  readonly sha256: string;
}

/** What an image holds against what its manifest says, in both directions; files of the right size are left to be read. */
export function compareTrees(image: Tree, manifest: Tree): { found: Difference[]; files: Unread[] } {
  const found: Difference[] = [];
  const files: Unread[] = [];
  const open = [''];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const [is, said] = [image.entry(path), manifest.entry(path)];
    if (is === null || said === null) {
      found.push({ path, kind: is === null ? 'missing' : 'extra' });
      continue;
    }
    const kind = difference(is, said);
    if (kind !== null) found.push({ path, kind });
    if (is.kind !== said.kind) continue;
    if (is.kind === 'file' && kind !== 'content') files.push({ path, size: is.size, sha256: said.content() });
    if (is.kind !== 'dir') continue;
    const names = new Set([...image.children(path), ...manifest.children(path)]);
    for (const name of names) open.push(path === '' ? name : `${path}/${name}`);
  }
  return { found, files };
}

/** A device is of another type than a fifo, and so of other content. */
function difference(is: Node, said: Node): Difference['kind'] | null {
  if (is.kind !== said.kind) return 'type';
  if (is.size !== said.size) return 'content';
  if ((is.kind === 'link' || is.kind === 'other') && is.content() !== said.content()) return 'content';
  const attributes = is.mode === said.mode && is.uid === said.uid && is.gid === said.gid;
  return attributes && is.xattrs() === said.xattrs() && is.opaque === said.opaque ? null : 'attributes';
}
