import { NanolinError } from '../error/index.ts';
import { nearest, type ProfileRecipe } from '../formats/index.ts';
import { type Problem, problem } from './problem.ts';

/** Recipes by name; an error stands for one that cannot be read. */
export type Recipes = ReadonlyMap<string, ProfileRecipe | NanolinError>;

/** Longest chain of imports. */
const deepest = 32;

/**
 * The profile and all it imports, imports first, in the order they are named, each once: read one after the other,
 * the later one has the last word. What cannot be followed is named with the chain that led there.
 */
export function lineage(name: string, recipes: Recipes): { order: ProfileRecipe[]; problems: Problem[] } {
  const order: ProfileRecipe[] = [];
  const problems: Problem[] = [];
  const done = new Set<string>();

  const visit = (next: string, chain: readonly string[]): void => {
    const path = [...chain, next];
    if (chain.includes(next)) {
      const circle = path.slice(path.indexOf(next)).join(' -> ');
      problems.push(
        problem(
          'profile-invalid',
          `profile ${name} imports itself: ${circle}`,
          'take one of these IMPORTS out',
          true,
        ),
      );
      return;
    }
    if (done.has(next)) return;
    if (path.length > deepest) {
      problems.push(
        problem(
          'profile-invalid',
          `profile ${name} imports deeper than ${deepest}: ${path.slice(0, 3).join(' -> ')} -> ... -> ${next}`,
          'name the profiles at the end of the chain directly in IMPORTS',
          true,
        ),
      );
      return;
    }
    done.add(next);
    const recipe = recipes.get(next) ?? unknown(next, recipes);
    if (recipe instanceof NanolinError) {
      const by = chain.length === 0 ? '' : ` (imported by ${chain.join(' -> ')})`;
      problems.push(problem(recipe.code, recipe.message + by, recipe.hint ?? null, true));
      return;
    }
    for (const imported of recipe.imports) visit(imported, path);
    order.push(recipe);
  };

  visit(name, []);
  return { order, problems };
}

function unknown(name: string, recipes: Recipes): NanolinError {
  const close = nearest(name, [...recipes.keys()]);
  return new NanolinError(
    'profile-missing',
    `no profile is called ${name}`,
    close === null ? '`nanolin profile list` shows what there is' : `did you mean ${close}?`,
  );
}
