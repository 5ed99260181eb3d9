import type { LayerQuery, ProfileRecipe } from '../formats/index.ts';
import { matches } from '../formats/index.ts';
import type { Layer } from '../layer/types.ts';
import { queryName } from './pick.ts';
import { type Problem, problem } from './problem.ts';

export interface Enabled {
  readonly text: string;
  readonly query: LayerQuery;
  readonly layer: Layer | null;
}

/**
 * The layers of a lineage, bottom first. A layer named again moves to the later place, with the later constraint; a
 * DISABLE takes away what stands there from imports when its profile's turn comes, before the profile's own ENABLES.
 */
export function enabledLayers(
  order: readonly ProfileRecipe[],
  pick: (query: LayerQuery) => Layer | null,
): { enabled: Enabled[]; problems: Problem[] } {
  const enabled = new Map<string, Enabled>();
  const problems: Problem[] = [];
  for (const recipe of order) {
    for (const { text, query } of recipe.disables) {
      const taken = [...enabled].filter(([, each]) => covers(query, each));
      for (const [name] of taken) enabled.delete(name);
      if (taken.length === 0) problems.push(idle(recipe, text));
    }
    for (const { text, query } of recipe.enables) {
      const layer = pick(query);
      // A path whose file name says nothing is known by the layer that came from it.
      const name = layer?.name ?? queryName(query);
      enabled.delete(name);
      enabled.set(name, { text, query, layer });
    }
  }
  return { enabled: [...enabled.values()], problems };
}

function covers(disable: LayerQuery, { query, layer }: Enabled): boolean {
  if (disable.kind === 'path') return query.kind === 'path' && query.path === disable.path;
  if (disable.op === null || layer === null) return disable.name === (layer?.name ?? queryName(query));
  return matches(disable, layer);
}

function idle(recipe: ProfileRecipe, text: string): Problem {
  const own = recipe.enables.some(each => each.text === text);
  return problem(
    'recipe-invalid',
    `profile ${recipe.name}: DISABLE ${text} takes nothing away, no import brings it`,
    own
      ? `the profile's own ENABLES names ${text}: take it out there`
      : 'take the line out, or correct the name',
    false,
  );
}
