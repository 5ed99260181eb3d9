import type { ProfileRecipe } from '../formats/index.ts';
import type { Layer } from '../layer/types.ts';
import type { LeftOut, Target, Writing } from '../stack/types.ts';
import { enabledLayers } from './enabled.ts';
import { lineage, type Recipes } from './lineage.ts';
import { layerMissing, pickLayer, queryName } from './pick.ts';
import { type Problem, problem } from './problem.ts';
import { mergeTargets } from './targets.ts';

export interface Resolved {
  readonly profile: string;
  readonly comment: string;
  /** As the profile itself names them. */
  readonly imports: readonly string[];
  readonly targets: readonly Target[];
  /** Topmost first; `layer` is null where nothing in the store answers. */
  readonly layers: readonly ResolvedLayer[];
  readonly writing: Writing;
  readonly healthy: { readonly body: string; readonly timeoutMs: number } | null;
  /** Imports first, in the order they are written. */
  readonly scripts: readonly { readonly event: string; readonly body: string; readonly profile: string }[];
  /** What the store lacks, as the recipe writes it; each is a problem, too. */
  readonly leftOut: readonly LeftOut[];
  readonly problems: readonly Problem[];
}

export interface ResolvedLayer {
  /** As the recipe writes it. */
  readonly query: string;
  readonly name: string;
  readonly layer: Layer | null;
}

/**
 * What a profile means over the layers that are there. Never throws: a profile that is unknown, imports in a circle or
 * has no place to go is a fatal problem, a layer that the store lacks is one that can be left out (`layer-missing`).
 */
export function resolveProfile(
  name: string,
  recipes: Recipes,
  store: readonly Layer[],
  targetIsEmpty: (path: string) => boolean,
): Resolved {
  const { order, problems } = lineage(name, recipes);
  const { targets, problems: unfit } = mergeTargets(order, targetIsEmpty);
  const { enabled, problems: idle } = enabledLayers(order, query => pickLayer(query, store));
  const missing = enabled.flatMap(({ text, query, layer }) =>
    layer === null ? [{ text, error: layerMissing(query, store) }] : [],
  );
  const nowhere =
    order.length > 0 && problems.length === 0 && order.every(recipe => recipe.targets.length === 0)
      ? [
          problem(
            'profile-invalid',
            `profile ${name} has no TARGETS`,
            'add a line such as: TARGETS /usr',
            true,
          ),
        ]
      : [];
  const own = recipes.get(name);
  const top = own !== undefined && 'imports' in own ? own : null;
  return {
    profile: name,
    comment: top?.comment ?? '',
    imports: top?.imports ?? [],
    targets,
    layers: enabled
      .map(({ text, query, layer }) => ({ query: text, name: layer?.name ?? queryName(query), layer }))
      .reverse(),
    writing: lastSaid(order, recipe => recipe.writing) ?? 'none',
    healthy: lastSaid(order, recipe => recipe.healthy),
    scripts: order.flatMap(recipe =>
      recipe.scripts.map(({ event, body }) => ({ event, body, profile: recipe.name })),
    ),
    leftOut: missing.map(({ text, error: { code, message } }) => ({ layer: text, code, message })),
    problems: [
      ...problems,
      ...unfit,
      ...nowhere,
      ...missing.map(({ error }) => problem(error.code, error.message, error.hint ?? null, false)),
      ...idle,
    ],
  };
}

/** The importing profile comes last and has the last word. */
function lastSaid<T>(order: readonly ProfileRecipe[], said: (recipe: ProfileRecipe) => T | null): T | null {
  return order.reduce<T | null>((before, recipe) => said(recipe) ?? before, null);
}
