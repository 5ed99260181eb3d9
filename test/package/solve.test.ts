import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { coversName } from '../../src/formats/index.ts';
import { type Explanation, solve } from '../../src/package/solve.ts';
import { type Candidate, Universe } from '../../src/package/universe.ts';
import { asked, candidate, kept, shown } from './small-universe.ts';

interface Scene {
  readonly all: readonly Candidate[];
  readonly roots: readonly ReturnType<typeof asked>[];
  readonly installed?: readonly Candidate[];
  readonly consent?: readonly string[];
  readonly newest?: readonly string[];
}

const answer = ({ all, roots, installed = [], consent = [], newest = [] }: Scene) =>
  solve({
    roots,
    universe: new Universe(all, { crossing: new Set(consent) }),
    installed: new Set(installed),
    policy: { newest: new Set(newest) },
  });

const chosen = (scene: Scene): string[] => {
  const found = answer(scene);
  return found.kind === 'solution' ? shown(found.chosen) : found.sentences.map(line => `! ${line}`);
};

const failure = (scene: Scene): Explanation => {
  const found = answer(scene);
  if (found.kind === 'solution') throw new Error(`solved: ${shown(found.chosen)}`);
  return found;
};

test('takes the newest, and only what is needed', () => {
  const all = [candidate('a 1'), candidate('a 1.10'), candidate('a 1.9'), candidate('b 1')];
  assert.equal(chosen({ all, roots: [asked('a')] }), ['a 1.10']);
});

test('what is installed stays though something newer is there, unless it was asked for', () => {
  const old = candidate('lib 1');
  const all = [old, candidate('lib 2'), candidate('app 1', { requires: ['lib'] })];
  assert.equal(chosen({ all, roots: [asked('app')], installed: [old] }), ['app 1', 'lib 1']);
  assert.equal(chosen({ all, roots: [asked('lib')], installed: [old], newest: ['lib'] }), ['lib 2']);
});

test('goes back to an older version where the newest leads nowhere', () => {
  const all = [
    candidate('app 2', { requires: ['lib>=2'] }),
    candidate('app 1', { requires: ['lib'] }),
    candidate('lib 1'),
    candidate('lib 2', { conflicts: ['tool'] }),
    candidate('tool 1'),
  ];
  assert.equal(chosen({ all, roots: [asked('app'), asked('tool')] }), ['app 1', 'lib 1', 'tool 1']);
});

test('of alternatives the first, or the one that is installed, or the one that is needed anyway', () => {
  const b = candidate('b 1');
  const all = [
    candidate('app 1', { requires: ['a | b'] }),
    candidate('a 1'),
    b,
    candidate('c 1', { requires: ['b'] }),
  ];
  assert.equal(chosen({ all, roots: [asked('app')] }), ['a 1', 'app 1']);
  assert.equal(chosen({ all, roots: [asked('app')], installed: [b] }), ['app 1', 'b 1']);
  assert.equal(chosen({ all, roots: [asked('c'), asked('app')] }), ['app 1', 'b 1', 'c 1']);
});

test('PROVIDE answers for its name, and for versions only when it says one', () => {
  const plain = candidate('exim 4', { provides: ['mta'] });
  const versioned = candidate('postfix 3', { provides: ['mta=2'] });
  const any = candidate('cron 1', { requires: ['mta'] });
  const exact = candidate('list 1', { requires: ['mta>=2'] });
  assert.equal(chosen({ all: [plain, any], roots: [asked('cron')] }), ['cron 1', 'exim 4']);
  assert.equal(chosen({ all: [plain, versioned, exact], roots: [asked('list')] }), ['list 1', 'postfix 3']);
  assert.match(
    failure({ all: [plain, exact], roots: [asked('list')] }).sentences.join('\n'),
    /list 1 needs mta>=2/,
  );
});

test('PROVIDE with REPLACE takes the place of a package; REPLACE alone does not', () => {
  const old = candidate('old 1');
  const user = candidate('user 1', { requires: ['old'] });
  const heir = candidate('heir 1', { provides: ['old'], replaces: ['o*'] });
  const neighbour = candidate('neighbour 1', { replaces: ['old'] });
  const all = [old, user, heir, neighbour];
  const roots = [kept('old'), kept('user')];
  assert.equal(chosen({ all, roots: [...roots, asked('heir')], installed: [old, user] }), [
    'heir 1',
    'user 1',
  ]);
  assert.equal(chosen({ all, roots: [...roots, asked('neighbour')], installed: [old, user] }), [
    'neighbour 1',
    'old 1',
    'user 1',
  ]);
});

test('what is kept is not given up for something that merely provides its name', () => {
  const mawk = candidate('mawk 1', { provides: ['awk'] });
  const awk = candidate('awk 1');
  assert.equal(chosen({ all: [awk, mawk], roots: [kept('awk'), asked('mawk')], installed: [awk] }), [
    'awk 1',
    'mawk 1',
  ]);
});

test('a failure is told from what was asked to what is missing, with what would help', () => {
  const all = [
    candidate('app 1', { requires: ['lib>=1'] }),
    candidate('lib 1.2', { requires: ['core>=2'] }),
    candidate('core 1.9'),
  ];
  const { sentences, changes } = failure({ all, roots: [asked('app')] });
  assert.equal(sentences, [
    'app was asked for',
    'app 1 needs lib>=1',
    'lib 1.2 needs core>=2, and nothing that is at hand is that (there is core 1.9)',
    'so it cannot be done',
  ]);
  assert.equal(
    changes.map(change => (change.do === 'bring' ? [change.relation.name, shown(change.have)] : change.do)),
    [['core', ['core 1.9']]],
  );
});

test('two ways that both fail are told apart, and the end names both', () => {
  const all = [
    candidate('app 1', { requires: ['a | b'] }),
    candidate('a 1', { requires: ['x'] }),
    candidate('b 1', { requires: ['y'] }),
  ];
  const { sentences } = failure({ all, roots: [asked('app')] });
  assert.equal(sentences, [
    'app was asked for',
    'app 1 needs a or b',
    'a 1 needs x, and nothing that is at hand is that',
    'b 1 needs y, and nothing that is at hand is that',
    'so it cannot be done',
  ]);
});

test('a conflict with what is on says which to give up', () => {
  const one = candidate('one 1', { conflicts: ['two'] });
  const { sentences, changes } = failure({
    all: [one, candidate('two 1')],
    roots: [kept('one'), asked('two')],
    installed: [one],
  });
  assert.ok(sentences.includes('one 1 cannot be on together with two'), sentences.join('\n'));
  assert.ok(sentences.includes('one is on and stays'));
  assert.equal(
    changes.map(change =>
      change.do === 'drop' ? `${change.root.why} ${change.root.requirement[0]?.name}` : '',
    ),
    ['kept one', 'asked two'],
  );
});

test('33: what another source provides, or calls by the same name, is not taken without consent', () => {
  const libc = candidate('libc 2.36', { source: 'home' });
  const app = candidate('app 1', { source: 'home', requires: ['libc>=2.40'] });
  const newer = candidate('libc 2.41', { source: 'abroad' });
  const standIn = candidate('fakelibc 1', { source: 'abroad', provides: ['libc=2.41'], replaces: ['libc'] });
  const roots = [asked('app')];
  const refused = failure({ all: [libc, app, newer, standIn], roots });
  assert.equal(refused.sentences.slice(0, -1), [
    'app was asked for',
    "app 1 needs libc>=2.40, and nothing that is at hand is that (libc 2.41 is from abroad, and libc is home's)",
  ]);
  assert.equal(
    refused.changes.map(change => (change.do === 'consent' ? change.candidate.name : change.do)),
    ['libc', 'fakelibc'],
  );
  assert.equal(chosen({ all: [libc, app, newer, standIn], roots, consent: ['libc'] }), [
    'app 1',
    'libc 2.41',
  ]);
  assert.equal(chosen({ all: [libc, app, newer, standIn], roots, consent: ['fakelibc'] }), [
    'app 1',
    'fakelibc 1',
  ]);
});

test("33: REPLACE of another source's package is without effect, its own name is free", () => {
  const busybox = candidate('busybox 1', { source: 'home' });
  const thief = candidate('thief 1', { source: 'abroad', provides: ['busybox'], replaces: ['busybox', '*'] });
  const universe = new Universe([busybox, thief]);
  assert.is(universe.replaces(thief, 'busybox'), false);
  assert.equal(universe.displaced(thief), []);
  assert.is(
    new Universe([busybox, thief], { named: new Map([['thief', 'abroad']]) }).replaces(thief, 'busybox'),
    false,
  );
  assert.is(
    new Universe([busybox, thief], { crossing: new Set(['thief']) }).replaces(thief, 'busybox'),
    true,
  );
  assert.equal(
    chosen({ all: [busybox, thief], roots: [kept('busybox'), asked('thief')], installed: [busybox] }),
    ['busybox 1', 'thief 1'],
  );
});

test('33: of a virtual name the source that has it first is home', () => {
  const all = [
    candidate('dash 1', { source: 'home', provides: ['sh'] }),
    candidate('evil 1', { source: 'abroad', provides: ['sh'] }),
    candidate('app 1', { source: 'home', requires: ['sh', 'evil'] }),
  ];
  assert.equal(chosen({ all, roots: [asked('app')] }), ['app 1', 'dash 1', 'evil 1']);
});

test('globs of REPLACE cover names, in time that a hostile one cannot raise', () => {
  for (const [glob, name, covers] of [
    ['busybox*', 'busybox-static', true],
    ['busybox*', 'busy', false],
    ['lib?.so', 'libc.so', true],
    ['lib?.so', 'lib.so', false],
    ['*', 'x', true],
    ['a*b*c', 'aXXbYYc', true],
    ['a*b*c', 'aXXbYY', false],
    ['a.c', 'abc', false],
  ] as const)
    assert.is(coversName(glob, name), covers, `${glob} ${name}`);
  assert.is(coversName('*a'.repeat(50), 'a'.repeat(49)), false);
});

test.run();
