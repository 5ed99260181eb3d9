import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { conflicts, ownerOf, verifyUpper } from '../../src/ownership/index.ts';
import type { LayerRef } from '../../src/stack/types.ts';
import { plainTree } from './plain-tree.ts';

const layer = (name: string): LayerRef => ({ name, version: '1.0', stamp: '', digest: '', image: '' });
const named = (name: string) => ({ layer: name, version: '1.0' });

const union = {
  lowers: [
    plainTree({ 'etc/conf': 'mine', 'bin/gone': 'whiteout', note: 'n', 'bin/same': '1' }),
    plainTree({ 'bin/x': '1', 'bin/gone': '1' }),
    plainTree({
      'bin/x': '2',
      'etc/conf': 'theirs',
      'bin/same': '1',
      'lib/only': '3',
      'bin/out': 'whiteout',
    }),
    plainTree({ 'bin/sh': 's', 'bin/out': 'o' }),
  ],
  origins: ['upper', layer('top'), layer('low'), 'base'],
} as const;
const off = [{ layer: layer('spare'), tree: plainTree({ 'bin/x': '9', d: '-> bin' }) }];

const owners: readonly (readonly [string, object])[] = [
  [
    'bin/x',
    {
      visible: true,
      owner: named('top'),
      local: false,
      shared: [],
      shadowed: [named('low')],
      off: [named('spare')],
    },
  ],
  ['etc/conf', { visible: true, owner: named('low'), local: true, shared: [], shadowed: [], off: [] }],
  ['bin/gone', { visible: false, owner: named('top'), local: true, shared: [], shadowed: [], off: [] }],
  ['bin/same', { visible: true, owner: named('low'), local: false, shared: [], shadowed: [], off: [] }],
  ['note', { visible: true, owner: null, local: true, shared: [], shadowed: [], off: [] }],
  ['bin/sh', { visible: true, owner: null, local: false, shared: [], shadowed: [], off: [] }],
  ['bin/out', { visible: false, owner: null, local: false, shared: [], shadowed: [], off: [] }],
  [
    'bin',
    {
      visible: true,
      owner: named('top'),
      local: false,
      shared: [named('low')],
      shadowed: [],
      off: [named('spare')],
    },
  ],
  ['d/x', { visible: false, owner: null, local: false, shared: [], shadowed: [], off: [] }],
  ['none', { visible: false, owner: null, local: false, shared: [], shadowed: [], off: [] }],
];

for (const [path, said] of owners)
  test(`owner of ${path}`, () => assert.equal(ownerOf(union, path, off), { path, ...said }));

test('conflicts by kind; directories that agree are none', () => {
  const layers = [
    plainTree({
      same: '1',
      mode: '1',
      text: '1',
      type: 'x',
      'd/x': '1',
      e: 'dir 0700',
      gone: 'whiteout',
      own: '1',
    }),
    plainTree({ 'only/here': '1' }),
    plainTree({
      same: '1',
      mode: '1|0755',
      text: '2',
      'type/in': 'x',
      'd/x': '2',
      e: 'dir 0755',
      gone: '1',
      'only/there': '1',
    }),
    plainTree({ text: '1' }),
  ];
  const said = [...conflicts(layers)].map(
    ({ path, kind, above, under }) => `${path} ${kind} ${above} ${under}`,
  );
  assert.equal(said.sort(), [
    'd/x content 0 2',
    'e attributes 0 2',
    'gone type 0 2',
    'mode attributes 0 2',
    'same identical 0 2',
    'text content 0 2',
    'text identical 0 3',
    'type type 0 2',
  ]);
});

test('what an upper does', () => {
  const lowers = {
    lowers: [
      plainTree({ same: '1', mode: '1', text: '1', 'd/x': '1', 'e/x': '1', 'f/x': '1', gone: '1' }),
      plainTree({ 'f/y': '2' }),
    ],
  };
  const upper = plainTree({
    '': 'dir opaque',
    same: '1',
    mode: '1|0755',
    text: '2',
    'd/x': 'whiteout',
    'd/new/file': 'n',
    e: 'file now',
    f: 'dir opaque',
    'f/y': '2',
    gone: 'whiteout',
    never: 'whiteout',
  });
  assert.equal(
    [...verifyUpper(upper, lowers)].map(({ path, kind, lower }) => `${path} ${kind} ${lower}`),
    [
      'd/new added null',
      'd/new/file added null',
      'd/x deleted 0',
      'e masks 0',
      'f masks 0',
      'gone deleted 0',
      'mode attributes 0',
      'never masks null',
      'text changed 0',
    ],
  );
});

test.run();
