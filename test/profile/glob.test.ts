import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isPattern, patternOf } from '../../src/profile/glob.ts';

const matches = (pattern: string, path: string): boolean =>
  path
    .split('/')
    .reduce<ReturnType<typeof patternOf> | null>(
      (left, name) => left?.below(name) ?? null,
      patternOf(pattern.split('/')),
    )?.ends ?? false;

const cases: readonly (readonly [pattern: string, fits: readonly string[], not: readonly string[]])[] = [
  ['a*', ['a', 'ab', 'a*'], ['b', 'ba', 'a/b']],
  ['*a*b*', ['ab', 'xaxbx', 'aab'], ['ba', 'a', 'b']],
  ['*', ['a', '.hidden'], ['a/b']],
  ['?', ['a', 'ü', '𝄞'], ['', 'ab']],
  ['[a-c]x', ['ax', 'cx'], ['dx', 'x']],
  ['[!a-c]x', ['dx'], ['ax']],
  ['[]]', [']'], ['[]]']],
  ['[a-]', ['a', '-'], ['b']],
  ['[', ['['], ['']],
  ['\\*\\[', ['*['], ['a[']],
  ['a/**/z', ['a/z', 'a/b/z', 'a/b/c/z', 'a/z/z'], ['a', 'z', 'b/a/z', 'a/z/b']],
  ['**', ['a', 'a/b/c'], []],
  ['**/x/**', ['x', 'a/x', 'x/b', 'a/x/b'], ['a', 'a/b']],
  ['a**b', ['ab', 'axb'], ['a/b']],
];
for (const [pattern, fits, not] of cases)
  test(`${pattern} matches ${fits.join(', ')} and not ${not.join(', ')}`, () => {
    for (const path of fits) assert.ok(matches(pattern, path), path);
    for (const path of not) assert.not.ok(matches(pattern, path), path);
  });

test('a pattern is what has a pattern character', () => {
  assert.equal(['a', 'a*', 'a?', 'a[', 'a]'].map(isPattern), [false, true, true, true, false]);
});

test('a hostile name takes no longer than any other', () => {
  const pattern = `${'*a'.repeat(100)}*b`;
  for (let n = 0; n < 100; n++) assert.not.ok(matches(pattern, 'a'.repeat(255)));
});

test.run();
