import { type ProfileRecipe, parseRecipe, profileFrom } from '../../src/formats/index.ts';
import type { Layer } from '../../src/layer/types.ts';
import { type Resolved, resolveProfile } from '../../src/profile/resolve.ts';

/** `name version` or `name version stamp` as a layer of the store. */
export function layer(text: string): Layer {
  const [name = '', version = '', stamp = 'r26.01-G01000000'] = text.split(' ');
  return {
    name,
    version,
    stamp,
    format: 'erofs',
    image: `${name}-v${version}-${stamp}.img`,
    size: 4096,
    digest: '0'.repeat(64),
    origin: `deb:${name}=${version}`,
    trust: 'made',
    files: 1,
  };
}

export function profiles(...texts: readonly string[]): Map<string, ProfileRecipe> {
  return new Map(
    texts.map(text => {
      const recipe = profileFrom(parseRecipe(`PROFILE ${text}\n`, { file: 'test.rcp', strict: true }));
      return [recipe.name, recipe];
    }),
  );
}

/** Resolves the last of the profiles; each is a recipe without the word PROFILE and its last newline. */
export function resolve(
  texts: readonly string[],
  store: readonly string[],
  empty: readonly string[] = [],
): Resolved {
  const recipes = profiles(...texts);
  const name = [...recipes.keys()].at(-1) ?? '';
  return resolveProfile(name, recipes, store.map(layer), path => empty.includes(path));
}

/** Bottom first, `name version` or `query!` where nothing answers: as an admin would write it down. */
export function bottomUp({ layers }: Resolved): string[] {
  return layers.map(each => (each.layer ? `${each.name} ${each.layer.version}` : `${each.query}!`)).reverse();
}
