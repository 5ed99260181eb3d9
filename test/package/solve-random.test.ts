import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { solve } from '../../src/package/solve.ts';
import type { Root } from '../../src/package/solve-terms.ts';
import { type Candidate, Universe } from '../../src/package/universe.ts';
import { satisfiable, wrongWith } from './brute.ts';
import { anyOf, candidate } from './small-universe.ts';

const names = ['a', 'b', 'c', 'd', 'e', 'f'];
const virtual = ['v', 'w'];
const name = fc.constantFrom(...names);
const version = fc.constantFrom('1', '2', '3');
const relation = fc
  .tuple(
    fc.constantFrom(...names, ...names, ...virtual),
    fc.constantFrom('', '', '=', '>=', '<=', '<', '>'),
    version,
  )
  .map(([to, op, v]) => (op === '' ? to : `${to}${op}${v}`));
const requirement = fc.array(relation, { minLength: 1, maxLength: 3 }).map(each => each.join(' | '));
const provision = fc
  .tuple(fc.constantFrom(...names, ...virtual), fc.option(version, { nil: null }))
  .map(([as, v]) => (v === null ? as : `${as}=${v}`));

const some = <T>(one: fc.Arbitrary<T>, maxLength: number) => fc.array(one, { maxLength });
const candidates = fc.uniqueArray(
  fc
    .tuple(name, version, some(requirement, 3), some(provision, 1), some(relation, 2), some(name, 1))
    .map(([of, v, requires, provides, conflicts, replaces]) =>
      candidate(`${of} ${v}`, { requires, provides, conflicts, replaces }),
    ),
  { minLength: 1, maxLength: 12, selector: ({ name: of, version: v }) => `${of} ${v}` },
);
const roots: fc.Arbitrary<Root[]> = fc.array(
  fc
    .tuple(requirement, fc.constantFrom<Root['why']>('asked', 'kept'))
    .map(([text, why]): Root => ({ requirement: anyOf(text), why })),
  { minLength: 1, maxLength: 3 },
);

test('random universes: a solution where there is one, and it holds; a failure only where there is none', () => {
  const seen = { solution: 0, impossible: 0, exhausted: 0 };
  fc.assert(
    fc.property(candidates, roots, (all, wanted) => {
      const answer = solve({ roots: wanted, universe: new Universe(all) });
      seen[answer.kind]++;
      if (answer.kind === 'solution') assert.is(wrongWith(answer.chosen, wanted, all), null);
      else assert.is(satisfiable(all, wanted), false, answer.sentences.join('\n'));
    }),
    { numRuns: 4000 },
  );
  // A generator that only makes one of the two would prove nothing.
  assert.ok(seen.solution > 400 && seen.impossible > 400, JSON.stringify(seen));
  assert.is(seen.exhausted, 0);
});

test('random universes: dropping what an explanation says to drop makes the rest work', () => {
  let tried = 0;
  fc.assert(
    fc.property(candidates, roots, (all, wanted) => {
      const answer = solve({ roots: wanted, universe: new Universe(all) });
      if (answer.kind === 'solution') return;
      for (const change of answer.changes) {
        if (change.do !== 'drop') continue;
        tried++;
        assert.ok(
          satisfiable(
            all,
            wanted.filter(root => root !== change.root),
          ),
        );
      }
    }),
    { numRuns: 2000 },
  );
  assert.ok(tried > 50, `${tried} were tried`);
});

test('random universes: what is installed and fits stays, and nothing is on that nothing needs', () => {
  fc.assert(
    fc.property(candidates, roots, (all, wanted) => {
      const universe = new Universe(all);
      const first = solve({ roots: wanted, universe });
      if (first.kind !== 'solution') return;
      const installed = new Set(first.chosen);
      const again = solve({ roots: wanted, universe, installed });
      assert.is(again.kind, 'solution');
      if (again.kind === 'solution')
        for (const one of again.chosen) assert.ok(isNeeded(one, again.chosen, wanted));
      // A root that one installed package answers alone keeps it.
      for (const one of first.chosen) {
        const only = solve({
          roots: [{ requirement: anyOf(one.name), why: 'asked' }],
          universe,
          installed: new Set([one]),
        });
        if (only.kind !== 'solution') continue;
        const alone = wrongWith([one], []) === null;
        if (alone && all.every(other => other.provides.every(({ name: as }) => as !== one.name)))
          assert.equal(only.chosen, [one]);
      }
    }),
    { numRuns: 1000 },
  );
});

function isNeeded(one: Candidate, chosen: readonly Candidate[], wanted: readonly Root[]): boolean {
  const others = chosen.filter(other => other !== one);
  const relations = [
    ...wanted.map(root => root.requirement),
    ...others.flatMap(other => other.requires),
  ].flat();
  return relations.some(({ name: of }) => of === one.name || one.provides.some(as => as.name === of));
}

test.run();
