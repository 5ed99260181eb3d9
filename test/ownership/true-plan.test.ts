// limit: 300s
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { native } from '../../src/kernel/index.ts';
import {
  countChanges,
  liveTree,
  manifestTree,
  pathChanges,
  resolve,
  type Tree,
} from '../../src/ownership/index.ts';
import { changeAtRandom, makeTree } from './generate.ts';
import { Random } from './random.ts';
import { type Met, manifestOf, walk } from './walk.ts';

const pairs = Number(process.env.NANOLIN_PAIRS ?? 1000);
const pairsPerWorld = 40;
const seed = Number(process.env.NANOLIN_SEED ?? Date.now() % 1_000_000_000);

/** A tree on disk, what a plan is told of it, and what a walk meets in it. */
interface Made {
  readonly dir: string;
  readonly tree: Tree;
  readonly met: ReadonlyMap<string, Met>;
}

interface World {
  readonly layers: readonly Made[];
  readonly uppers: readonly Made[];
  readonly base: Made;
  readonly empty: readonly Made[];
}

interface Mounted {
  readonly upper: Made | null;
  readonly lowers: readonly Made[];
}

interface Sets {
  readonly appear: string[];
  readonly vanish: string[];
  readonly change: string[];
  readonly owner: string[];
}

test('what a plan says is the difference of two real walks', () => {
  const seen = { pairs: 0, appear: 0, vanish: 0, change: 0, owner: 0, masked: 0, undecided: 0 };
  for (let number = 0; seen.pairs < pairs; number++) {
    const random = new Random(seed * 1000 + number);
    const top = mkdtempSync(join(tmpdir(), 'nanolin-plan-'));
    try {
      const world = makeWorld(top, random);
      for (let n = 0; n < pairsPerWorld && seen.pairs < pairs; n++)
        comparePair(top, world, random, seen, `seed ${seed}, world ${number}, pair ${n}`);
    } finally {
      rmSync(top, { recursive: true, force: true });
    }
  }
  console.log(`seed ${seed} (NANOLIN_SEED, NANOLIN_PAIRS):`, JSON.stringify(seen));
  for (const kind of ['appear', 'vanish', 'change', 'owner', 'masked'] as const)
    assert.ok(pairs < 100 || seen[kind] > 0, `no path of kind ${kind} in the whole run`);
});

function comparePair(
  top: string,
  world: World,
  random: Random,
  seen: Record<string, number>,
  label: string,
): void {
  const [old, next] = randomPair(world, random);
  const before = mounted(top, old, walk);
  const after = mounted(top, next, walk);
  const what = `${label}: ${describe(old)} -> ${describe(next)}`;

  const [oldUnion, nextUnion] = [unionOf(old), unionOf(next)];
  const said = pathChanges(oldUnion, nextUnion);
  const truth = difference(old, before, next, after);
  for (const kind of ['appear', 'vanish', 'change', 'owner'] as const) {
    assert.equal(
      said[kind].map(({ path }) => path),
      truth[kind],
      `${what}: ${kind}`,
    );
    seen[kind] = (seen[kind] ?? 0) + truth[kind].length;
  }
  const masked = said.masked.map(({ path, layer }) => `${layer} ${path}`);
  const { must, may } = maskedIn(old, next, after);
  assert.equal(masked.filter(one => !may.has(one)).sort(), must.sort(), `${what}: masked`);
  seen.masked = (seen.masked ?? 0) + must.length;
  seen.undecided = (seen.undecided ?? 0) + may.size;

  const counts = countChanges(oldUnion, nextUnion);
  for (const [kind, list] of Object.entries(said))
    assert.is(counts[kind as keyof typeof counts], list.length, what);
  for (const { path, from, to } of [...said.change, ...said.owner]) {
    assert.is(from, resolve(oldUnion, path)?.index, what);
    assert.is(to, resolve(nextUnion, path)?.index, what);
  }
  assertResolves(next, after, what);
  seen.pairs = (seen.pairs ?? 0) + 1;
}

/** Every path of every tree: shows where the walk met it, from the tree whose inode the walk met, and nowhere else. */
function assertResolves(stack: Mounted, met: ReadonlyMap<string, Met>, what: string): void {
  const union = unionOf(stack);
  const trees = treesOf(stack);
  for (const path of new Set(trees.flatMap(tree => [...tree.met.keys()]))) {
    const found = resolve(union, path);
    const here = met.get(path);
    assert.is(found !== null, here !== undefined, `${what}: ${JSON.stringify(path)} shows`);
    if (found === null || here === undefined || here.dir) continue;
    const winner = trees[found.index];
    if (winner !== stack.upper)
      assert.is(winner?.met.get(path)?.ino, here.ino, `${what}: ${JSON.stringify(path)} is whose`);
  }
}

function difference(
  old: Mounted,
  before: ReadonlyMap<string, Met>,
  next: Mounted,
  after: ReadonlyMap<string, Met>,
): Sets {
  const sets: Sets = { appear: [], vanish: [], change: [], owner: [] };
  for (const [path, here] of after) {
    const was = before.get(path);
    if (was === undefined) sets.appear.push(path);
    else if (was.looks !== here.looks) sets.change.push(path);
    else if (!here.dir && whose(old, path, was) !== whose(next, path, here)) sets.owner.push(path);
  }
  for (const path of before.keys()) if (!after.has(path)) sets.vanish.push(path);
  for (const list of Object.values(sets)) list.sort();
  return sets;
}

/** All lie on one file system, so overlayfs shows a lower file's own inode number; a file in the upper may keep that of its origin. */
function whose(stack: Mounted, path: string, met: Met): string {
  return stack.upper?.met.has(path) ? stack.upper.dir : String(met.ino);
}

/**
 * `must` be masked, and `may` be: a directory of a layer that shows nothing of its own cannot be told from one that merges.
 */
function maskedIn(
  old: Mounted,
  next: Mounted,
  after: ReadonlyMap<string, Met>,
): { must: string[]; may: Set<string> } {
  const must: string[] = [];
  const may = new Set<string>();
  for (const [layer, made] of treesOf(next).entries()) {
    if (treesOf(old).includes(made)) continue;
    const shows = (path: string) => {
      const here = after.get(path);
      return (
        here?.ino === made.met.get(path)?.ino &&
        !here?.dir &&
        (made === next.upper || !next.upper?.met.has(path))
      );
    };
    const shown = [...made.met].filter(
      ([path, { dir }]) => !dir && (made === next.upper ? after.has(path) : shows(path)),
    );
    for (const [path, { dir }] of made.met) {
      if (path === '' || made.tree.entry(path)?.kind === 'whiteout') continue;
      if (dir && shown.some(([file]) => file.startsWith(`${path}/`))) continue;
      if (dir && after.get(path)?.dir) may.add(`${layer} ${path}`);
      else if (dir ? true : !shown.some(([file]) => file === path)) must.push(`${layer} ${path}`);
    }
  }
  return { must, may };
}

/** Five layers are unlike, three are another version of one of them. */
function makeWorld(top: string, random: Random): World {
  const layers = Array.from({ length: 8 }, (_, n) => {
    const dir = join(top, `l${n}`);
    if (n < 5) {
      makeTree(dir, random, { whiteouts: true });
    } else {
      execFileSync('cp', ['-a', join(top, `l${n - 5}`), dir]);
      changeAtRandom(dir, random);
    }
    const from = random.pick(['', '', 'usr', 'p.q/u r']);
    return { dir, tree: manifestTree(manifestOf(dir, from), from), met: walk(dir) };
  });
  const live = (name: string): Made => {
    const dir = join(top, name);
    return { dir, tree: liveTree(dir, native), met: walk(dir) };
  };
  for (const name of ['m', 'u0', 'u0.work', 'u1.work', 'e0', 'e1']) mkdirSync(join(top, name));
  makeTree(join(top, 'base'), random, { whiteouts: false });
  makeTree(join(top, 'u1'), random, { whiteouts: true });
  const base = live('base');
  const lowers = [...random.shuffled(layers).slice(0, 4), base];
  mounted(top, { upper: live('u0'), lowers }, merged => changeAtRandom(merged, random));
  return { layers, uppers: [live('u0'), live('u1')], base, empty: [live('e0'), live('e1')] };
}

function randomPair(world: World, random: Random): [Mounted, Mounted] {
  const layers = random.shuffled(world.layers).slice(0, random.below(6));
  const upper = random.chance(0.5) ? random.pick(world.uppers) : null;
  const next = random.pick([
    () => random.shuffled(world.layers).slice(0, random.below(6)),
    () => random.shuffled(layers),
    () => [
      ...layers.slice(0, 2),
      ...random.shuffled(world.layers.filter(one => !layers.includes(one))).slice(0, 1),
      ...layers.slice(2),
    ],
    () => layers.filter(() => random.chance(0.7)),
    () =>
      layers.map((one, at) =>
        at === 0 ? (world.layers.find(other => !layers.includes(other)) ?? one) : one,
      ),
  ])();
  const base = random.chance(0.9) ? [world.base] : [];
  return [
    stackOf(upper, [...layers, ...base], world),
    stackOf(random.chance(0.9) ? upper : random.pick([null, ...world.uppers]), [...next, ...base], world),
  ];
}

/** The kernel refuses a union of one lower, and one of none. */
function stackOf(upper: Made | null, lowers: Made[], { empty }: World): Mounted {
  const wanted = upper === null ? 2 : 1;
  return { upper, lowers: [...lowers, ...empty.slice(0, Math.max(0, wanted - lowers.length))] };
}

function mounted<T>(top: string, { upper, lowers }: Mounted, act: (merged: string) => T): T {
  const merged = join(top, 'm');
  const options = [
    `lowerdir=${lowers.map(({ dir }) => dir).join(':')}`,
    ...(upper ? [`upperdir=${upper.dir},workdir=${upper.dir}.work`] : []),
    'index=off,metacopy=off,redirect_dir=nofollow',
  ];
  execFileSync('mount', ['-t', 'overlay', '-o', options.join(','), 'plan', merged]);
  try {
    return act(merged);
  } finally {
    execFileSync('umount', [merged]);
  }
}

function treesOf({ upper, lowers }: Mounted): Made[] {
  return upper ? [upper, ...lowers] : [...lowers];
}

function unionOf(stack: Mounted) {
  return { lowers: treesOf(stack).map(({ tree }) => tree) };
}

function describe(stack: Mounted): string {
  return `[${treesOf(stack)
    .map(({ dir }) => dir.replace(/.*\//, ''))
    .join(' ')}]`;
}

test.run();
