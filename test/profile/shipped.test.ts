import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRecipe, profileFrom } from '../../src/formats/index.ts';
import { resolveProfile } from '../../src/profile/resolve.ts';
import { layer } from './wanted.ts';

const test = suite('shipped profiles');
const directory = new URL('../../profiles/', import.meta.url);
const recipes = new Map(
  readdirSync(directory)
    .filter(file => file.endsWith('.rcp'))
    .map(file => {
      const text = readFileSync(new URL(file, directory));
      return [file.replace(/\.rcp$/, ''), profileFrom(parseRecipe(text, { file, strict: true }))] as const;
    }),
);
/** A store that has every layer named anywhere. */
const store = [...recipes.values()].flatMap(recipe =>
  recipe.enables.flatMap(({ query }) => (query.kind === 'name' ? layer(`${query.name} 9.9`) : [])),
);

test('there are at least four, each named as its file and with a word of what it is', () => {
  assert.ok(recipes.size >= 4);
  for (const [name, recipe] of recipes) {
    assert.is(recipe.name, name);
    assert.is.not(recipe.comment, '');
  }
});

for (const name of recipes.keys())
  test(`${name} has nothing to object to once its layers are there`, () => {
    const resolved = resolveProfile(name, recipes, store, () => false);
    assert.equal(resolved.problems, []);
    assert.ok(resolved.layers.length > 0);
    assert.equal(resolved.targets, [{ path: '/usr', base: 'keep', from: 'usr' }]);
  });

test.run();
