import { below, type Node, sameAttributes, sameContent, type Tree } from './tree.ts';

/** What two layers that hold the same path disagree on, the gravest first: a whiteout is of another type than what it removes. */
export type ConflictKind = 'type' | 'content' | 'attributes' | 'identical';

/** `above` and `under` are indexes into the given layers. */
export interface Conflict {
  readonly path: string;
  readonly kind: ConflictKind;
  readonly above: number;
  readonly under: number;
}

/**
 * Every path that more than one of the layers holds, each lower holder against the topmost one, in no order. Directories that agree are
 * not named: to share them is what layers are for. Only directories that two layers hold are looked into.
 */
export function* conflicts(layers: readonly Tree[]): Generator<Conflict> {
  const open = [{ path: '', among: [...layers.keys()] }];
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const { path, among } = at;
    const held = among.flatMap(index => {
      const node = layers[index]?.entry(path);
      return node ? [{ index, node }] : [];
    });
    const [top, ...rest] = held;
    if (top === undefined) continue;
    for (const { index, node } of rest) {
      const kind = conflictOf(top.node, node);
      if (kind !== 'identical' || node.kind !== 'dir') yield { path, kind, above: top.index, under: index };
    }
    const dirs = held.filter(({ node }) => node.kind === 'dir').map(({ index }) => index);
    if (dirs.length > 1) for (const child of sharedNames(layers, dirs, path)) open.push(child);
  }
}

function conflictOf(above: Node, under: Node): ConflictKind {
  if (above.kind !== under.kind) return 'type';
  if (!sameContent(above, under)) return 'content';
  return sameAttributes(above, under) ? 'identical' : 'attributes';
}

function* sharedNames(layers: readonly Tree[], dirs: readonly number[], path: string) {
  const holders = new Map<string, number[]>();
  for (const index of dirs) {
    for (const name of layers[index]?.children(path) ?? []) {
      const known = holders.get(name);
      if (known === undefined) holders.set(name, [index]);
      else known.push(index);
    }
  }
  for (const [name, among] of holders) if (among.length > 1) yield { path: below(path, name), among };
}
