import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatRecipe, parseRecipe } from '../../src/formats/index.ts';
import { orRefused } from './throws.ts';

const parse = (text: string) => parseRecipe(text, { file: 'a.rcp' });
const meaning = (text: string) =>
  parse(text).directives.map(({ canonical, value, body }) => [canonical, value, body]);
const comments = (text: string) =>
  text
    .split('\n')
    .filter(line => line.startsWith('#'))
    .map(line => line.trimEnd());

test('white space, aliases and empty lines are normalised; comments, order and bodies stay', () => {
  const text =
    '\n\n# top  \n\n\n\nPACKAGE\t a \nVERSION 1\n\n\nBUILDER  \n\tone\n\t\n\ttwo \n# next\nLICENSE MIT\n\n\n';
  const formatted = '# top\n\nPACKAGE a\nVERSION 1\n\nCOMPILE\n\tone\n\n\ttwo \n\n# next\nLICENSE MIT\n';
  assert.is(formatRecipe(parse(text)), formatted);
});

test('a last newline is put, a body that ends in an empty line keeps it', () => {
  assert.is(formatRecipe(parse('PROFILE a')), 'PROFILE a\n');
  assert.is(formatRecipe(parse('PROFILE a\nHEALTHY\n\tx\n\t\n')), 'PROFILE a\n\nHEALTHY\n\tx\n\t\n');
  assert.is(formatRecipe(parse('')), '');
  assert.is(formatRecipe(parse('\n\n# only\n\n')), '# only\n');
});

const line = fc.constantFrom(
  'ENABLES  x y ',
  'HEALTHY',
  'CO',
  'SCRIPTS\t\tz',
  '# note ',
  '#',
  '',
  '',
  '\t',
  '\tbody ',
  '\t\ttab',
);
const text = fc.array(line, { maxLength: 14 }).map(lines => `PROFILE a\n${lines.join('\n')}`);

test('a formatted recipe means the same, and is formatted', () => {
  fc.assert(
    fc.property(text, text => {
      const recipe = orRefused('recipe-syntax', () => parse(text));
      if (recipe === null) return;
      const formatted = formatRecipe(recipe);
      assert.equal(meaning(formatted), meaning(text));
      assert.equal(comments(formatted), comments(text));
      assert.is(formatRecipe(parse(formatted)), formatted);
      assert.equal(parse(formatted).warnings, []);
    }),
    { numRuns: 3000 },
  );
});

test.run();
