import type { ProfileRecipe, ProfileTarget } from '../formats/index.ts';
import type { Target } from '../stack/types.ts';
import { type Problem, problem } from './problem.ts';

/** Kernel file systems: a stack over them would hide what the switch itself works with. */
const reserved = ['/proc', '/sys', '/dev'];

/**
 * The targets of a lineage in the order they are first named. A path named again keeps its place and takes the options
 * that are said again. Without `base=` what the directory holds is kept, unless it holds nothing.
 */
export function mergeTargets(
  order: readonly ProfileRecipe[],
  targetIsEmpty: (path: string) => boolean,
): { targets: Target[]; problems: Problem[] } {
  const named = new Map<string, Pick<ProfileTarget, 'path' | 'base' | 'from'>>();
  for (const { path, base, from } of order.flatMap(recipe => recipe.targets)) {
    const before = named.get(path);
    named.set(path, { path, base: base ?? before?.base ?? null, from: from ?? before?.from ?? null });
  }
  const paths = [...named.keys()];
  const problems = paths.flatMap(path => inKernelTree(path) ?? insideAnother(path, paths) ?? []);
  const targets = [...named.values()].map(({ path, base, from }) => ({
    path,
    base: base ?? (targetIsEmpty(path) ? ('none' as const) : ('keep' as const)),
    from: from ?? path.slice(1),
  }));
  return { targets, problems };
}

function inKernelTree(path: string): Problem | null {
  const tree = reserved.find(each => path === each || path.startsWith(`${each}/`));
  if (tree === undefined) return null;
  return problem(
    'target-invalid',
    `target ${path} is in the kernel's own ${tree}`,
    'use /usr, /opt, /etc or a directory of its own',
    true,
  );
}

function insideAnother(path: string, paths: readonly string[]): Problem | null {
  const outer = paths.find(each => path.startsWith(`${each}/`));
  if (outer === undefined) return null;
  return problem(
    'target-invalid',
    `target ${path} lies inside target ${outer}`,
    `a stack on ${outer} already holds what its layers have there: take one of the two TARGETS out`,
    true,
  );
}
