import type { Node, Tree } from '../../src/ownership/index.ts';

/**
 * A tree from a table: `{ 'a/b': 'one', a: 'dir 0700', w: 'whiteout', l: '-> b' }`. Words of a directory: `dir`, `opaque`, its mode; any
 * other text is a file's content, a mode behind it with `|`. Directories on the way need not be named.
 */
export function plainTree(table: Readonly<Record<string, string>>): Tree & { readonly asked: string[] } {
  const nodes = new Map<string, Node>([['', nodeOf('dir')]]);
  for (const path of Object.keys(table).sort()) {
    for (let slash = path.indexOf('/'); slash > 0; slash = path.indexOf('/', slash + 1)) {
      const parent = path.slice(0, slash);
      if (!nodes.has(parent)) nodes.set(parent, nodeOf('dir'));
    }
    nodes.set(path, nodeOf(table[path] as string));
  }
  const asked: string[] = [];
  return {
    asked,
    entry: path => {
      asked.push(path);
      return nodes.get(path) ?? null;
    },
    children: path => {
      asked.push(`${path}/`);
      const prefix = path === '' ? '' : `${path}/`;
      return [...nodes.keys()]
        .filter(one => one !== '' && one.startsWith(prefix) && !one.slice(prefix.length).includes('/'))
        .map(one => one.slice(prefix.length))
        .sort();
    },
  };
}

function nodeOf(text: string): Node {
  const dir = /^dir( opaque)?(?: (0\d+))?$/.exec(text);
  if (dir)
    return {
      ...plain,
      kind: 'dir',
      mode: Number.parseInt(dir[2] ?? '0755', 8),
      opaque: dir[1] !== undefined,
    };
  if (text === 'whiteout') return { ...plain, kind: 'whiteout' };
  if (text.startsWith('-> ')) return { ...plain, kind: 'link', mode: 0o777, content: () => text.slice(3) };
  const [content = '', mode = '0644'] = text.split('|');
  return {
    ...plain,
    kind: 'file',
    mode: Number.parseInt(mode, 8),
    size: content.length,
    content: () => content,
  };
}

const plain = { mode: 0, uid: 0, gid: 0, size: 0, opaque: false, content: () => '', xattrs: () => '' };
