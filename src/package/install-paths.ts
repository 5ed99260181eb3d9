import { NanolinError } from '../error/index.ts';
import { conflicts, type Tree } from '../ownership/index.ts';

/** A layer of the stack to come. */
export interface Holder {
  readonly name: string;
  readonly version: string;
  readonly tree: Tree;
  /** Comes with this command; what others disagree on among themselves is not its business. */
  readonly isNew: boolean;
}

const mostNamed = 5;

/**
 * Refuses a stack, topmost first, in which a new package and another hold one path with different content and the upper one has not said
 * REPLACE (HOSTILE 37). Directories are shared, and so is what is the same in both.
 */
export function refuseTaken(
  stack: readonly Holder[],
  target: string,
  mayHide: (above: Holder, under: Holder) => boolean,
): void {
  const taken = [...conflicts(stack.map(({ tree }) => tree))].flatMap(({ path, kind, above, under }) => {
    const [top, low] = [stack[above] as Holder, stack[under] as Holder];
    const isDirectory = kind === 'attributes' && top.tree.entry(path)?.kind === 'dir';
    if (kind === 'identical' || isDirectory || !(top.isNew || low.isNew) || mayHide(top, low)) return [];
    const shown = Buffer.from(`${target}/${path}`, 'latin1').toString('utf8');
    return { path: shown, holders: [top, low].sort((a, b) => Number(b.isNew) - Number(a.isNew)) };
  });
  const [first, ...more] = taken.sort((a, b) => (a.path < b.path ? -1 : 1));
  if (first === undefined) return;
  const [one, other] = first.holders as [Holder, Holder];
  const rest = more.slice(0, mostNamed - 1).map(({ path }) => path);
  const left = more.length - rest.length;
  throw new NanolinError(
    'conflict',
    `${first.path} of ${one.name} ${one.version} belongs to ${other.name} ${other.version}${
      rest.length === 0 ? '' : `, and so do ${rest.join(', ')}${left > 0 ? ` and ${left} more` : ''}`
    }`,
    `remove ${other.name} first, or let the recipe of ${one.name} say REPLACE ${other.name}`,
  );
}
