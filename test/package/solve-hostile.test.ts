import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Explanation, type Solution, solve } from '../../src/package/solve.ts';
import { type Candidate, Universe } from '../../src/package/universe.ts';
import { wrongWith } from './brute.ts';
import { asked, candidate, shown } from './small-universe.ts';

const solved = (candidates: readonly Candidate[], ...roots: string[]): Solution => {
  const answer = solve({ roots: roots.map(asked), universe: new Universe(candidates) });
  if (answer.kind !== 'solution') throw new Error(answer.sentences.join('\n'));
  return answer;
};

const failed = (candidates: readonly Candidate[], steps: number, ...roots: string[]): Explanation => {
  const answer = solve({ roots: roots.map(asked), universe: new Universe(candidates), policy: { steps } });
  if (answer.kind === 'solution') throw new Error(`solved: ${shown(answer.chosen)}`);
  return answer;
};

const chain = (length: number, last: readonly string[]): Candidate[] =>
  Array.from({ length }, (_, n) =>
    candidate(`p${n} 1`, { requires: n < length - 1 ? [`p${n + 1}>=1`] : last }),
  );

test('32: packages that require each other in a circle are on together', () => {
  const circle = [
    candidate('a 1', { requires: ['b'] }),
    candidate('b 1', { requires: ['c'] }),
    candidate('c 1', { requires: ['a>=1', 'c'] }),
    candidate('d 1'),
  ];
  assert.equal(shown(solved(circle, 'a').chosen), ['a 1', 'b 1', 'c 1']);
});

test('32: a circle of versions that does not close is refused and shown', () => {
  const circle = [candidate('a 1', { requires: ['b'] }), candidate('b 1', { requires: ['a>=2'] })];
  assert.equal(failed(circle, 1000, 'a').sentences, [
    'a was asked for',
    'a 1 needs b',
    'b 1 needs a>=2, and nothing that is at hand is that (there is a 1)',
    'so it cannot be done',
  ]);
});

test('32: a chain 100,000 deep is followed', () => {
  assert.is(solved(chain(100_000, []), 'p0').chosen.length, 100_000);
});

test('32: a chain 100,000 deep that ends in nothing is explained in a page', () => {
  const answer = failed(chain(100_000, ['ghost']), 50_000_000, 'p0');
  assert.is(answer.kind, 'impossible');
  assert.is(answer.sentences[0], 'p0 was asked for');
  assert.is(answer.sentences[1], 'p0 1 needs p1>=1');
  assert.ok(
    answer.sentences.includes('(99989 links of the chain are left out)'),
    answer.sentences.join('\n'),
  );
  assert.is(answer.sentences.at(-2), 'p99999 1 needs ghost, and nothing that is at hand is that');
  assert.ok(answer.sentences.length < 20);
  assert.equal(
    answer.changes.map(change => change.do),
    ['bring'],
  );
});

/** `pigeons` packages that each need one of `holes`, and no hole takes two. */
function pigeonHoles(pigeons: number, holes: number): Candidate[] {
  return [
    candidate('all 1', { requires: Array.from({ length: pigeons }, (_, p) => `pigeon${p}`) }),
    ...Array.from({ length: pigeons }, (_, p) =>
      candidate(`pigeon${p} 1`, {
        requires: [Array.from({ length: holes }, (_, h) => `hole${h}-${p}`).join(' | ')],
      }),
    ),
    ...Array.from({ length: holes }, (_, h) =>
      Array.from({ length: pigeons }, (_, p) =>
        candidate(`hole${h}-${p} 1`, { provides: [`hole${h}`], conflicts: [`hole${h}`] }),
      ),
    ).flat(),
  ];
}

test('32: pigeons that fit are put into holes; one too many is proven', () => {
  const fits = pigeonHoles(7, 7);
  assert.is(wrongWith(solved(fits, 'all').chosen, [asked('all')]), null);
  const answer = failed(pigeonHoles(5, 4), 50_000_000, 'all');
  assert.is(answer.kind, 'impossible');
  assert.ok(answer.sentences.length < 400);
});

test('32: too many pigeons end with the budget, and the error says so', () => {
  const answer = failed(pigeonHoles(24, 23), 2_000_000, 'all');
  assert.is(answer.kind, 'exhausted');
  assert.ok(answer.steps < 2_100_000);
  assert.match(answer.sentences[0] ?? '', /no answer after 2\d{6} steps.*(hole|pigeon)/);
});

test('32: ten thousand packages that need any of ten thousand providers do not multiply', () => {
  const many = [
    ...Array.from({ length: 10_000 }, (_, n) => candidate(`user${n} 1`, { requires: ['thing'] })),
    ...Array.from({ length: 10_000 }, (_, n) => candidate(`provider${n} 1`, { provides: ['thing'] })),
    candidate('all 1', { requires: Array.from({ length: 10_000 }, (_, n) => `user${n}`) }),
  ];
  const answer = solved(many, 'all');
  assert.is(answer.chosen.length, 10_002);
  assert.ok(answer.steps < 1_000_000, String(answer.steps));
});

test('32: five thousand packages that exclude one another are not all written down', () => {
  const many = Array.from({ length: 5000 }, (_, n) =>
    candidate(`one${n} 1`, { provides: ['only', `is${n}`], conflicts: ['only'] }),
  );
  const all = Array.from({ length: 5000 }, (_, n) => `one${n}`);
  assert.is(failed([...many, candidate('all 1', { requires: all })], 10_000_000, 'all').kind, 'exhausted');
  assert.equal(shown(solved(many, 'only').chosen), ['one0 1']);
});

test('32: two thousand versions of a name, each wrong but the oldest', () => {
  const lib = Array.from({ length: 2000 }, (_, n) =>
    candidate(`lib ${n + 1}`, n === 0 ? {} : { requires: [`core>=${n + 1}`] }),
  );
  assert.equal(shown(solved([...lib, candidate('core 1')], 'lib').chosen), ['lib 1']);
});

test.run();
