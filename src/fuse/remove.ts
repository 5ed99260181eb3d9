import { copyUp } from './copy-up.ts';
import { check, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EROFS, fail, unless } from './errno.ts';
import { AT_REMOVEDIR, O_DIRECTORY, O_PATH } from './flags.ts';
import { find } from './lookup.ts';
import { union } from './native.ts';
import type { Found, Node } from './node.ts';
import { isEmpty } from './readdir.ts';
import type { Place, Tree } from './tree.ts';
import { whiteOut, whiteOutDirectory } from './whiteout.ts';

export function unlink(tree: Tree, parent: Node, name: string): number {
  const found = visible(tree, parent, name);
  if (found.directory) fail(EISDIR);
  copyUp(tree, parent);
  using parting = tree.parting(parent, name, found);
  const place: Place = [tree.upper(parent), name];
  if (find(tree, parent, name, true)) whiteOut(tree, place);
  else check(union.unlink(...place, 0));
  parting.gone();
  return 0;
}

export function rmdir(tree: Tree, parent: Node, name: string): number {
  const found = visible(tree, parent, name);
  if (!found.directory) fail(ENOTDIR);
  if (!isEmpty(tree, parent, name, found)) fail(ENOTEMPTY);
  copyUp(tree, parent);
  using parting = tree.parting(parent, name, found);
  const known = parent.children?.get(name);
  const place: Place = [tree.upper(parent), name];
  const hides = find(tree, parent, name, true) !== null;
  if (!found.upper) whiteOut(tree, place);
  else if (hides) discard(whiteOutDirectory(tree, place));
  else if (union.unlink(...place, AT_REMOVEDIR) < 0) {
    // It holds whiteouts: out of sight first, so that they never stop hiding.
    const temporary = tree.temporary();
    check(union.rename(...place, ...temporary, 0));
    discard(temporary);
  }
  if (known) tree.closeDirectory(known);
  parting.gone();
  return 0;
}

export function visible(tree: Tree, parent: Node, name: string): Found {
  if (!tree.writable) fail(EROFS);
  return find(tree, parent, name) ?? fail(ENOENT);
}

/** Removes a directory of the work directory with all that is in it. */
export function discard([fd, name]: Place): void {
  if (union.unlink(fd, name, AT_REMOVEDIR) >= 0 || union.unlink(fd, name, 0) >= 0) return;
  const directory = unless(union.open(fd, name, O_PATH | O_DIRECTORY, 0), ENOENT, ENOTDIR);
  if (directory === null) return;
  try {
    const listed = check(union.list(directory, 0));
    if (typeof listed === 'object') for (const entry of listed.names) discard([directory, entry]);
  } finally {
    union.close(directory);
  }
  check(union.unlink(fd, name, AT_REMOVEDIR));
}
