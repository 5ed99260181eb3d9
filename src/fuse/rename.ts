import { copyUp } from './copy-up.ts';
import { check, EEXIST, EINVAL, EISDIR, ENOENT, ENOTDIR, ENOTEMPTY, EXDEV, fail, unless } from './errno.ts';
import { RENAME_EXCHANGE, RENAME_NOREPLACE, RENAME_WHITEOUT } from './flags.ts';
import { adopt, find } from './lookup.ts';
import { IMPURE, isImpure, OPAQUE, setMark } from './marks.ts';
import { union } from './native.ts';
import type { Alias, Found, Node } from './node.ts';
import { isEmpty } from './readdir.ts';
import { discard, visible } from './remove.ts';
import { STAT_GID, STAT_MODE, STAT_UID, slot } from './slots.ts';
import type { Place, Tree } from './tree.ts';

/**
 * One rename of the upper's file system. What has to come first leaves everything as it looks: the source is copied up, a target that
 * only hides is emptied. A directory that is not the upper's alone gives EXDEV, on which mv copies.
 */
export function rename(tree: Tree, from: Alias, to: Alias, flags: number): number {
  if ((flags & ~(RENAME_NOREPLACE | RENAME_EXCHANGE)) !== 0) fail(EINVAL);
  const source = visible(tree, from.parent, from.name);
  const target = find(tree, to.parent, to.name);
  const exchange = (flags & RENAME_EXCHANGE) !== 0;
  if (target && (flags & RENAME_NOREPLACE) !== 0) fail(EEXIST);
  if (!target && exchange) fail(ENOENT);
  requireMovable(source);
  if (exchange && target) requireMovable(target);
  else if (target) requireReplaceable(tree, source, target, to);

  const moving = known(tree, from, source);
  copyUp(tree, moving);
  if (exchange && target) copyUp(tree, known(tree, to, target));
  copyUp(tree, from.parent);
  copyUp(tree, to.parent);
  markParents(tree, from, to, source, exchange ? target : null);
  if (exchange) swap(tree, from, to);
  else replace(tree, from, to, source, target);
  return 0;
}

/** The kernel has looked it up, unless it has forgotten it since. */
const known = (tree: Tree, { parent, name }: Alias, found: Found): Node =>
  parent.children?.get(name) ?? adopt(tree, parent, name, found);

function requireMovable(found: Found): void {
  if (found.directory && (!found.upper || found.lower >= 0)) fail(EXDEV);
}

function requireReplaceable(tree: Tree, source: Found, target: Found, { parent, name }: Alias): void {
  if (source.directory && !target.directory) fail(ENOTDIR);
  if (!source.directory && target.directory) fail(EISDIR);
  if (target.directory && !isEmpty(tree, parent, name, target)) fail(ENOTEMPTY);
}

/** A directory in a place where layers below have one of its name does not merge with it; old numbers are asked for there too. */
function markParents(tree: Tree, from: Alias, to: Alias, source: Found, other: Found | null): void {
  const opaque = (at: Alias, into: Alias) => {
    if (into.parent.lower >= 0) setMark(tree, [tree.upper(at.parent), at.name], OPAQUE, 'y');
  };
  if (source.directory) opaque(from, to);
  if (other?.directory) opaque(to, from);
  if (from.parent === to.parent) return;
  const impure = (at: Alias, into: Alias) => {
    if (isImpure(tree, at.parent)) setMark(tree, [tree.upper(into.parent), ''], IMPURE, 'y');
  };
  impure(from, to);
  if (other) impure(to, from);
}

function swap(tree: Tree, from: Alias, to: Alias): void {
  const [a, b] = [from, to].map(({ parent, name }) => parent.children?.get(name));
  check(union.rename(tree.upper(from.parent), from.name, tree.upper(to.parent), to.name, RENAME_EXCHANGE));
  if (a) tree.moved(a, from, to);
  if (b) tree.moved(b, to, from);
  // Each move has taken away the name that the other one had just been given.
  if (a) to.parent.children?.set(to.name, a);
  if (b) from.parent.children?.set(from.name, b);
}

function replace(tree: Tree, from: Alias, to: Alias, source: Found, target: Found | null): void {
  const [at, into]: [Place, Place] = [
    [tree.upper(from.parent), from.name],
    [tree.upper(to.parent), to.name],
  ];
  using parting = target ? tree.parting(to.parent, to.name, target) : null;
  const replaced = to.parent.children?.get(to.name);
  const moving = from.parent.children?.get(from.name);
  if (target?.directory && target.upper) empty(tree, into);
  const inTheWay = unless(union.stat(...into, 0), ENOENT) !== null;
  const leavesHole = find(tree, from.parent, from.name, true) !== null;
  if (source.directory && inTheWay && !target) {
    // Not over a whiteout: the two change places.
    check(union.rename(...at, ...into, RENAME_EXCHANGE));
    if (!leavesHole) check(union.unlink(...at, 0));
  } else check(union.rename(...at, ...into, leavesHole ? RENAME_WHITEOUT : 0));
  if (replaced?.directory) tree.closeDirectory(replaced);
  parting?.gone();
  if (moving) tree.moved(moving, from, to);
}

/** A directory that shows nothing becomes one that holds nothing, and goes on hiding what is below it. */
function empty(tree: Tree, place: Place): void {
  const temporary = tree.temporary();
  check(union.stat(...place, 0));
  check(union.mkdir(...temporary, 0o700));
  try {
    check(union.chown(...temporary, slot(STAT_UID), slot(STAT_GID)));
    check(union.chmod(...temporary, slot(STAT_MODE) & 0o7777));
    setMark(tree, temporary, OPAQUE, 'y');
    check(union.rename(...temporary, ...place, RENAME_EXCHANGE));
  } finally {
    discard(temporary);
  }
}
