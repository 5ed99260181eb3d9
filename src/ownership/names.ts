import { below } from './tree.ts';
import { settle, settleRoot, type Union } from './union.ts';

/** Names that show in the directory `path` of a union, in the order of their bytes; none where it is no directory. */
export function namesIn(union: Union, path: string): string[] {
  let settled = settleRoot(union);
  let prefix = '';
  for (const name of path === '' ? [] : path.split('/')) {
    prefix = below(prefix, name);
    settled = settle(union, settled.dirs, prefix);
  }
  const names = new Set(settled.dirs.flatMap(index => union.lowers[index]?.children(path) ?? []));
  return [...names].filter(name => settle(union, settled.dirs, below(path, name)).top !== null).sort();
}
