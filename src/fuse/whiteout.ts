import { check } from './errno.ts';
import { RENAME_EXCHANGE, S_IFCHR, S_IFMT, S_IFREG } from './flags.ts';
import { readMark, WHITEOUT } from './marks.ts';
import { union } from './native.ts';
import { STAT_MODE, STAT_RDEV, STAT_SIZE, slot } from './slots.ts';
import type { Place, Tree } from './tree.ts';

/** Is what the last `stat` saw at this place a whiteout? `marked`: may a file be one, by its attribute? */
export function isWhiteout(tree: Tree, place: Place, marked: boolean): boolean {
  const type = slot(STAT_MODE) & S_IFMT;
  if (type === S_IFCHR) return slot(STAT_RDEV) === 0;
  return marked && type === S_IFREG && slot(STAT_SIZE) === 0 && readMark(tree, place, WHITEOUT) !== null;
}

/** Hides what lies below a name, in place of the file or of nothing that the upper has there: one rename. */
export function whiteOut(tree: Tree, place: Place): void {
  moveWhiteout(tree, place, 0);
}

/** The same for a directory of the upper, which is then in the work directory under the name that is returned. */
export const whiteOutDirectory = (tree: Tree, place: Place): Place =>
  moveWhiteout(tree, place, RENAME_EXCHANGE);

/** Device 0/0, which Linux lets everybody make since 5.8. */
function moveWhiteout(tree: Tree, place: Place, flags: number): Place {
  const temporary = tree.temporary();
  check(union.mknod(...temporary, S_IFCHR, 0));
  try {
    check(union.rename(...temporary, ...place, flags));
  } catch (error) {
    union.unlink(...temporary, 0);
    throw error;
  }
  return temporary;
}
