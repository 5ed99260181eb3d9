// limit: 300s
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Nanolin } from '../../src/index.ts';
import { makeWorld, type World } from '../contract/world.ts';
import { needs } from '../needs.ts';
import { changeAtRandom, makeTree } from '../ownership/generate.ts';
import { Random } from '../ownership/random.ts';
import { type Met, walk } from '../ownership/walk.ts';

const inStacks = needs(test, process.getuid?.() === 0 ? null : 'root, to mount');
const switches = Number(process.env.NANOLIN_SWITCHES ?? 60);
const seed = Number(process.env.NANOLIN_SEED ?? Date.now() % 1_000_000_000);
const switchesPerWorld = 20;
const layers = ['a', 'b', 'c', 'd', 'e'];
const profiles = {
  bare: 'ENABLES a b',
  kept: 'ENABLES b a\nWRITING persist',
  other: 'ENABLES c\nWRITING persist',
  brief: 'ENABLES a c\nWRITING volatile',
  none: 'WRITING persist',
};

inStacks('what a plan says of paths is what two walks find, and what the switch counts', async () => {
  const seen = { switches: 0, appear: 0, vanish: 0, change: 0, maskedByUpper: 0 };
  for (let number = 0; seen.switches < switches; number++) {
    const random = new Random(seed + number);
    await using world = await makeWorld();
    const target = await populate(world, random);
    const nanolin = await world.open();
    for (let n = 0; n < switchesPerWorld && seen.switches < switches; n++) {
      const change = await randomChange(nanolin, random);
      const label = `seed ${seed}, world ${number}, switch ${n}: ${JSON.stringify(change)}`;
      const before = walk(target);
      const plan = await nanolin.plan(change);
      const result = await carryOut(nanolin, change);
      const after = walk(target);

      const { appear, vanish, change: changed, masks } = plan.paths;
      assert.equal({ appear, vanish, change: changed }, difference(target, before, after), label);
      assert.equal(
        result.paths,
        { added: appear.length, removed: vanish.length, changed: changed.length },
        label,
      );
      assert.is(result.changed, plan.steps.length > 0, label);
      for (const { path, layer } of masks.filter(({ by }) => by.layer === 'upper').slice(0, 5)) {
        const [owned] = await nanolin.owner([path]);
        // Through a symlink that took a directory's place the same words name another path.
        if (owned?.path !== path || path.includes('\ufffd')) continue;
        const hidden = owned.chain.find(one => one.layer === layer.layer);
        assert.equal([hidden?.role, hidden?.by?.layer], ['shadowed', 'upper'], `${label}: ${path}`);
        seen.maskedByUpper++;
      }
      seen.switches++;
      seen.appear += appear.length;
      seen.vanish += vanish.length;
      seen.change += changed.length;
      const [{ writing, mounted } = { writing: 'none', mounted: false }] = (await nanolin.status()).targets;
      if (writing !== 'none' && mounted) changeAtRandom(target, random);
    }
  }
  console.log(`seed ${seed} (NANOLIN_SEED, NANOLIN_SWITCHES):`, JSON.stringify(seen));
  for (const kind of ['appear', 'vanish', 'change', 'maskedByUpper'] as const)
    assert.ok(switches < 50 || seen[kind] > 0, `no ${kind} in the whole run`);
});

inStacks('a plan mounts nothing, writes nothing and tells what is masked, and by whom', async () => {
  await using world = await makeWorld();
  const target = world.directory('usr', { base: 'base' });
  for (const layer of ['one', 'two']) await world.layer(layer, { who: 'same', [layer]: layer, 'd/f': layer });
  world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one', 'WRITING persist');
  const nanolin = await world.open();
  await nanolin.profile.switch('p');
  writeFileSync(join(target, 'two'), 'mine');
  rmSync(join(target, 'd/f'));
  const everything = () =>
    execFileSync('find', [world.root, '-printf', '%p %i %T@ %s\n'], { encoding: 'utf8' });
  const mounts = () => execFileSync('cat', ['/proc/self/mountinfo'], { encoding: 'utf8' });
  const before = [everything(), mounts()];
  const { paths, steps } = await nanolin.plan({ do: 'enable', layers: ['two'] });
  assert.equal([everything(), mounts()], before);
  assert.ok(steps.length > 0);
  const [one, two, upper] = [
    { layer: 'one', version: '1.0' },
    { layer: 'two', version: '1.0' },
    { layer: 'upper', version: null },
  ];
  assert.equal(paths, {
    appear: [],
    vanish: [],
    change: [],
    masked: [`${target}/d/f`, `${target}/two`],
    owner: [{ path: `${target}/who`, from: one, to: two }],
    masks: [
      { path: `${target}/d/f`, layer: two, by: upper },
      { path: `${target}/two`, layer: two, by: upper },
    ],
  });
  assert.equal((await nanolin.plan({ do: 'enable', layers: ['one'] })).steps, []);
});

/** Five layers, of which `d` and `e` are other versions of `a` and `b`, over a base; every layer is one that the store takes. */
async function populate(world: World, random: Random): Promise<string> {
  const target = join(world.live, 'target');
  makeTree(target, random, { whiteouts: false });
  const trees = join(world.live, 'trees');
  mkdirSync(trees);
  const nanolin = await world.open();
  for (const [n, name] of layers.entries()) {
    const tree = join(trees, name);
    if (n < 3) makeTree(`${tree}.raw`, random, { whiteouts: false });
    else {
      execFileSync('cp', ['-a', join(trees, layers[n - 3] ?? ''), `${tree}.raw`]);
      changeAtRandom(`${tree}.raw`, random);
    }
    tame(`${tree}.raw`, tree);
    await nanolin.layer.import(tree, { name, version: '1' });
  }
  for (const [name, lines] of Object.entries(profiles))
    world.profile(name, `TARGETS ${target} from=/`, ...lines.split('\n'));
  return target;
}

/** A copy without devices and marks of overlayfs, which no layer may bring. */
function tame(raw: string, tree: string): void {
  execFileSync('find', [raw, '(', '-type', 'b', '-o', '-type', 'c', '-o', '-type', 'p', ')', '-delete']);
  const archive = `${raw}.tar`;
  execFileSync('tar', ['--create', '--file', archive, '--xattrs', '--xattrs-include=user.*', '-C', raw, '.']);
  mkdirSync(tree);
  execFileSync('tar', ['--extract', '--same-permissions', '--file', archive, '--xattrs', '-C', tree]);
}

type Change = Parameters<Nanolin['plan']>[0];

async function randomChange(nanolin: Nanolin, random: Random): Promise<Change> {
  const { targets } = await nanolin.status();
  const on = targets[0]?.layers.map(({ name }) => name) ?? [];
  const off = layers.filter(name => !on.includes(name));
  if (targets.length === 0 || random.chance(0.3))
    return { do: 'profile', name: random.pick(Object.keys(profiles)) };
  if (on.length > 0 && off.length > 0 && random.chance(0.3))
    return { do: 'swap', old: random.pick(on), replacement: random.pick(off) };
  if (on.length > 0 && (off.length === 0 || random.chance(0.4)))
    return { do: 'disable', layers: [random.pick(on)] };
  const place =
    on.length === 0 ? {} : random.pick([{}, { above: random.pick(on) }, { below: random.pick(on) }]);
  return { do: 'enable', layers: [random.pick(off)], ...place };
}

function carryOut(nanolin: Nanolin, change: Change) {
  switch (change.do) {
    case 'enable': {
      const { do: _, layers: wanted, ...place } = change;
      return nanolin.enable(wanted, place);
    }
    case 'disable':
      return nanolin.disable(change.layers);
    case 'swap':
      return nanolin.swap(change.old, change.replacement);
    case 'profile':
      return nanolin.profile.switch(change.name);
  }
}

function difference(target: string, before: ReadonlyMap<string, Met>, after: ReadonlyMap<string, Met>) {
  const paths = (from: ReadonlyMap<string, Met>, fits: (path: string, met: Met) => boolean) =>
    [...from]
      .filter(([path, met]) => fits(path, met))
      .map(([path]) => Buffer.from(path === '' ? target : `${target}/${path}`, 'latin1').toString())
      .sort();
  return {
    appear: paths(after, path => !before.has(path)),
    vanish: paths(before, path => !after.has(path)),
    change: paths(after, (path, { looks }) => (before.get(path)?.looks ?? looks) !== looks),
  };
}

test.run();
