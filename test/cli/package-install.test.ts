import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cli } from './fake.ts';

const asked: readonly (readonly [line: string, call: readonly unknown[]])[] = [
  ['package install greet', ['package.install', ['greet'], { from: [] }]],
  [
    'package install a b>=1 --from x,/y --cross libc --unsigned --writers wait --reason why',
    [
      'package.install',
      ['a', 'b>=1'],
      { from: ['x', '/y'], cross: ['libc'], unsigned: true, writers: 'wait', reason: 'why' },
    ],
  ],
  ['package install a --dry-run', ['package.install', ['a'], { from: [], dryRun: true }]],
  ['package remove a b', ['package.remove', ['a', 'b'], {}]],
  [
    'package remove a --cascade --autoremove --dry-run',
    ['package.remove', ['a'], { cascade: true, autoremove: true, dryRun: true }],
  ],
  ['package list', ['package.list']],
  ['package files a', ['package.files', 'a']],
  ['package search json --from out', ['package.search', 'json', { from: ['out'] }]],
];

for (const [line, call] of asked)
  test(`asks the library: ${line}`, async () => {
    const { calls, code } = await cli(line.split(' '));
    assert.equal(calls, [call, ['close']]);
    assert.is(code, 0);
  });

test('a plan is an answer, also under -q; what was done is not', async () => {
  const nothing = { add: [], drop: [], unneeded: [], doubts: ['x is left out'], switched: null };
  const nanolin = {
    package: { install: async () => nothing } as never,
  };
  assert.match((await cli('package install a --dry-run -q', { nanolin })).out, /passed over x is left out/);
  assert.is((await cli('package install a -q', { nanolin })).out, '');
  assert.match((await cli('package install a', { nanolin })).out, /already installed/);
  assert.equal(JSON.parse((await cli('package install a --json', { nanolin })).out), nothing);
});

test('a search that finds nothing says so by its exit code', async () => {
  const nanolin = { package: { search: async () => [] } as never };
  assert.is((await cli('package search x', { nanolin })).code, 4);
});

test.run();
