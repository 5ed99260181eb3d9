import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { countChanges, pathChanges } from '../../src/ownership/index.ts';
import { displaced } from '../../src/ownership/order.ts';
import { plainTree } from './plain-tree.ts';

type Table = Readonly<Record<string, string>>;

/** Named trees, the old and the next order (topmost first), and what is said: `+` appears, `-` vanishes, `~` changes, `=` owner, `!` masked. */
const cases: readonly (readonly [string, Readonly<Record<string, Table>>, string, string, string])[] = [
  ['a layer comes', { n: { 'bin/x': '1' }, base: { 'bin/y': '2' } }, 'base', 'n base', '+bin/x'],
  ['a layer goes', { n: { 'bin/x': '1' }, base: { 'bin/y': '2' } }, 'n base', 'base', '-bin/x'],
  ['what is the same all over is not told', { n: {}, base: { a: '1' } }, 'base', 'n base', ''],
  [
    'other content, other mode, other target',
    { n: { a: '2', b: '1|0755', c: '-> y' }, base: { a: '1', b: '1', c: '-> x' } },
    'base',
    'n base',
    '~a ~b ~c',
  ],
  ['the same content from another layer', { n: { a: '1' }, base: { a: '1' } }, 'base', 'n base', '=a'],
  [
    'a directory changes by its attributes alone',
    { n: { d: 'dir 0700', e: 'dir' }, base: { d: 'dir 0755', e: 'dir' } },
    'base',
    'n base',
    '~d',
  ],
  ['the target itself can change', { n: { '': 'dir 0700' }, base: {} }, 'base', 'n base', '~'],
  [
    'a file takes the place of a directory',
    { n: { d: 'x' }, base: { 'd/e/f': '1', 'd/g': '2' } },
    'base',
    'n base',
    '-d/e -d/e/f -d/g ~d',
  ],
  ['a directory comes back', { n: { d: 'x' }, base: { 'd/e/f': '1' } }, 'n base', 'base', '+d/e +d/e/f ~d'],
  [
    'a whiteout takes a tree away',
    { n: { d: 'whiteout' }, base: { 'd/e': '1', f: '2' } },
    'base',
    'n base',
    '-d -d/e',
  ],
  [
    'an opaque directory hides and brings',
    { n: { d: 'dir opaque', 'd/x': '1' }, base: { 'd/e': '1' } },
    'base',
    'n base',
    '+d/x -d/e',
  ],
  ['two layers change places', { a: { x: '1', 'd/p': 'p' }, b: { x: '2', 'd/q': 'q' } }, 'a b', 'b a', '~x'],
  [
    'the upper masks what comes',
    { u: { x: 'mine', d: 'whiteout' }, n: { x: '1', 'd/y': '2' }, base: { 'd/z': '3' } },
    'u base',
    'u n base',
    '!d !d/y !x',
  ],
  ['a higher layer masks a tree', { a: { d: 'file' }, n: { 'd/e/f': '1' } }, 'a', 'a n', '!d !d/e !d/e/f'],
  ['a whiteout that is hidden brings nothing', { a: { x: '1' }, n: { x: 'whiteout' } }, 'a', 'a n', ''],
  ['a file under a merged directory is masked', { a: { 'd/x': '1' }, n: { d: 'file' } }, 'a', 'a n', '!d'],
  ['what was there before is not masked anew', { a: { x: '1' }, b: { x: '2' } }, 'b', 'a b', '~x'],
];

for (const [name, tables, before, after, said] of cases) {
  test(name, () => {
    const trees = Object.fromEntries(Object.entries(tables).map(([key, table]) => [key, plainTree(table)]));
    const union = (order: string) => ({
      lowers: order.split(' ').map(key => trees[key] as ReturnType<typeof plainTree>),
    });
    const changes = pathChanges(union(before), union(after));
    const text = [
      ...changes.appear.map(({ path }) => `+${path}`),
      ...changes.vanish.map(({ path }) => `-${path}`),
      ...changes.change.map(({ path }) => `~${path}`),
      ...changes.owner.map(({ path }) => `=${path}`),
      ...changes.masked.map(({ path }) => `!${path}`),
    ];
    assert.is(text.join(' '), said);
    const counts = countChanges(union(before), union(after));
    for (const [kind, list] of Object.entries(changes))
      assert.is(counts[kind as keyof typeof counts], list.length);
  });
}

test('whose it was, whose it is, and who hides it', () => {
  const [u, n, base] = [plainTree({ m: 'mine' }), plainTree({ a: '2', m: '1' }), plainTree({ a: '1' })];
  const changes = pathChanges({ lowers: [u, base] }, { lowers: [u, n, base] });
  assert.equal(changes.change, [{ path: 'a', from: 1, to: 1 }]);
  assert.equal(changes.masked, [{ path: 'm', layer: 1, by: 0 }]);
});

test('a tree that stays is asked only for names that a changed one holds', () => {
  const stays = plainTree({ 'usr/share/doc/a': '1', 'usr/bin/b': '2', 'usr/bin/c': '2', 'var/x': '3' });
  const comes = plainTree({ 'usr/bin/b': '3', 'usr/new/d/e': '1' });
  pathChanges({ lowers: [stays] }, { lowers: [comes, stays] });
  assert.equal([...new Set(stays.asked)].sort(), ['', 'usr', 'usr/bin', 'usr/bin/b', 'usr/new']);
});

test('nothing is asked below the root where both stacks are one', () => {
  const trees = [plainTree({ 'a/b': '1' }), plainTree({ 'a/c': '2' })];
  pathChanges({ lowers: trees }, { lowers: [...trees] });
  assert.equal([...new Set(trees.flatMap(tree => tree.asked))], ['']);
});

const orders: readonly (readonly [string, string, string])[] = [
  ['abc', 'abc', ''],
  ['abc', 'xabc', 'x'],
  ['abc', 'ac', 'b'],
  ['abcd', 'bcda', 'a'],
  ['abcd', 'dabc', 'd'],
  ['abc', 'axc', 'bx'],
  ['abc', '', 'abc'],
  ['abcdef', 'xbadey', 'acfxy'],
];

for (const [before, after, moved] of orders) {
  test(`order ${before} to ${after}`, () => {
    const got = displaced([...before], [...after]);
    // Of two that changed places either may be the one that moved.
    if (after.includes('ba')) assert.ok([...got].length === moved.length && (got.has('a') || got.has('b')));
    else assert.is([...got].sort().join(''), moved);
  });
}

test.run();
