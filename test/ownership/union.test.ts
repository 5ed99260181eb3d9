import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { resolve, resolveChain } from '../../src/ownership/index.ts';
import { plainTree } from './plain-tree.ts';

type Table = Readonly<Record<string, string>>;

/** Layers topmost first, a path, and the index of the layer that shows it (UNION.md's number in front). */
const shown: readonly (readonly [string, readonly Table[], string, number | null])[] = [
  ['1 the topmost file wins', [{ a: 'new' }, { a: 'old' }], 'a', 0],
  ['1 a name of the lower alone shows', [{ b: 'x' }, { a: 'old' }], 'a', 1],
  ['1 a file hides a directory of its name', [{ a: 'x' }, { 'a/b': 'y' }], 'a/b', null],
  ['1 a symlink hides a directory too', [{ a: '-> c' }, { 'a/b': 'y', 'c/b': 'z' }], 'a/b', null],
  ['2 directories merge', [{ 'a/b': 'x' }, { 'a/c': 'y' }], 'a/c', 1],
  ['2 a file in a middle layer ends the merge', [{ 'a/b': 'x' }, { a: 'file' }, { 'a/c': 'y' }], 'a/c', null],
  [
    '2 a whiteout in a middle layer ends the merge',
    [{ 'a/b': 'x' }, { a: 'whiteout' }, { 'a/c': 'y' }],
    'a/c',
    null,
  ],
  [
    '2 an opaque directory in a middle layer ends it below itself',
    [{ 'a/b': 'x' }, { a: 'dir opaque', 'a/d': 'z' }, { 'a/c': 'y' }],
    'a/c',
    null,
  ],
  [
    '2 and shows what is its own',
    [{ 'a/b': 'x' }, { a: 'dir opaque', 'a/d': 'z' }, { 'a/c': 'y' }],
    'a/d',
    1,
  ],
  ['3 a merged directory is the topmost', [{}, { a: 'dir 0700' }, { a: 'dir 0755' }], 'a', 1],
  ['10 a whiteout shows nothing', [{ a: 'whiteout' }, { a: 'x' }], 'a', null],
  ['10 also over nothing', [{ a: 'whiteout' }, {}], 'a', null],
  ['12 the mark of a root means nothing', [{ '': 'dir opaque' }, { a: 'x' }], 'a', 1],
  ['a layer whose root is no directory takes no part', [{ '': '-> usr' }, { a: 'x' }], 'a', 1],
  ['the root is the topmost root', [{}, {}], '', 0],
  ['nothing is below a file', [{ a: 'x' }], 'a/b', null],
];

for (const [name, layers, path, index] of shown) {
  test(name, () => assert.is(resolve({ lowers: layers.map(plainTree) }, path)?.index ?? null, index));
}

test('an empty union shows nothing', () => assert.is(resolve({ lowers: [] }, ''), null));

const chains: readonly (readonly [string, readonly Table[], string, string])[] = [
  [
    'who is shadowed by whom',
    [{ a: '1' }, {}, { a: '2' }, { a: '3' }],
    'a',
    '0 wins, 2 shadowed by 0, 3 shadowed by 0',
  ],
  [
    'a directory is shared, a file under it is hidden by the topmost',
    [{ a: 'dir' }, { a: 'dir' }, { a: 'x' }, { a: 'dir' }],
    'a',
    '0 wins, 1 merges, 2 shadowed by 0, 3 shadowed by 0',
  ],
  ['a whiteout hides', [{ a: 'whiteout' }, { a: '2' }], 'a', '0 hides, 1 shadowed by 0'],
  [
    'a whiteout ends a merge',
    [{ a: 'dir' }, { a: 'whiteout' }, { a: 'dir' }],
    'a',
    '0 wins, 1 hides, 2 shadowed by 1',
  ],
  ['what is hidden with its directory is told', [{ a: 'x' }, { 'a/b/c': 'y' }], 'a/b/c', '1 shadowed by 0'],
  ['a symlink on the way is not followed', [{ 'a/b': 'x' }, { a: '-> c', 'c/b': 'y' }], 'a/b', '0 wins'],
  [
    'an opaque directory hides below it only',
    [{ a: 'dir opaque' }, { 'a/b': 'x' }],
    'a/b',
    '1 shadowed by 0',
  ],
  ['the root', [{}, {}], '', '0 wins, 1 merges'],
];

for (const [name, layers, path, said] of chains) {
  test(`chain: ${name}`, () => {
    const chain = resolveChain({ lowers: layers.map(plainTree) }, path);
    const text = chain.map(({ index, role, by }) => `${index} ${role}${by === null ? '' : ` by ${by}`}`);
    assert.is(text.join(', '), said);
  });
}

test.run();
