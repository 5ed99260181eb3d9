// limit: 120s
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Nanolin, PathOwner } from '../../src/index.ts';
import { makeWorld, type World } from '../contract/world.ts';
import { needs } from '../needs.ts';

const inStacks = needs(test, process.getuid?.() === 0 ? null : 'root, to mount');

/** `two` over `one` over a base, writable; `three` is off. */
async function setUp(world: World): Promise<{ nanolin: Nanolin; usr: string }> {
  const usr = world.directory('usr', { base: 'base', 'all/base': 'base', both: 'base', 'bin/tool': 'base' });
  await world.layer('one', {
    one: 'one',
    both: 'one',
    'all/one': 'one',
    'bin/tool': 'one',
    'lib/x.so': 'one',
  });
  const tree = world.directory('tree', { both: 'two', 'all/two': 'two', 'bin/tool': 'one' });
  symlinkSync('lib', join(tree, 'lib64'));
  symlinkSync('../lib64/x.so', join(tree, 'bin/x'));
  symlinkSync('/etc/hostname', join(tree, 'away'));
  symlinkSync(world.live, join(tree, 'out'));
  const nanolin = await world.open();
  await nanolin.layer.import(tree, { name: 'two', version: '2.0' });
  await world.layer('three', { 'bin/tool': 'three', 'bin/three': 'three', 'bin/star*': 'three' });
  world.profile('p', `TARGETS ${usr} from=/`, 'ENABLES one two', 'WRITING volatile');
  await nanolin.profile.switch('p');
  return { nanolin, usr };
}

const version = { one: '1.0', two: '2.0', three: '1.0' } as const;
const layer = (name: keyof typeof version) => ({ layer: name, version: version[name] });
const none = { owner: null, base: false, local: false, shared: [], shadowed: [], off: [] };

function told({ path: _p, target: _t, chain: _c, leadsTo: _l, ...rest }: PathOwner) {
  return rest;
}

inStacks('the winner, the hidden ones, who would bring it, and what was done to it here', async () => {
  await using world = await makeWorld();
  const { nanolin, usr } = await setUp(world);
  const one = async (path: string) => {
    const [found, ...more] = await nanolin.owner([join(usr, path)]);
    assert.equal([found?.path, found?.target, more], [join(usr, path), usr, []]);
    return told(found as PathOwner);
  };
  const seen = { ...none, visible: true };
  assert.equal(await one('one'), { ...seen, owner: layer('one') });
  assert.equal(await one('base'), { ...seen, base: true });
  assert.equal(await one('both'), { ...seen, owner: layer('two'), shadowed: [layer('one')] });
  assert.equal(await one('bin/tool'), {
    ...seen,
    owner: layer('two'),
    shadowed: [layer('one')],
    off: [layer('three')],
  });
  assert.equal(await one('all'), { ...seen, owner: layer('two'), shared: [layer('one')] });
  assert.equal(await one('bin/three'), { ...none, visible: false, off: [layer('three')] });
  assert.equal(await one('nothing'), { ...none, visible: false });

  writeFileSync(join(usr, 'base'), 'changed');
  writeFileSync(join(usr, 'mine'), 'mine');
  rmSync(join(usr, 'one'));
  assert.equal(await one('base'), { ...seen, base: true, local: true });
  assert.equal(await one('mine'), { ...seen, local: true });
  assert.equal(await one('one'), { ...none, visible: false, owner: layer('one'), local: true });
  const [gone] = await nanolin.owner([join(usr, 'one')]);
  const upper = { layer: 'upper', version: null };
  assert.equal(gone?.chain, [
    { ...upper, role: 'hides', kind: 'whiteout', by: null },
    { ...layer('one'), role: 'shadowed', kind: 'file', by: upper },
  ]);
  const [both] = await nanolin.owner([join(usr, 'both')]);
  assert.equal(
    both?.chain.map(({ layer: name, role, by }) => [name, role, by?.layer]),
    [
      ['two', 'wins', undefined],
      ['one', 'shadowed', 'two'],
      ['base', 'shadowed', 'two'],
    ],
  );
});

inStacks('symlinks lead into the stacks and within them, never out; the last name is itself', async () => {
  await using world = await makeWorld();
  const { nanolin, usr } = await setUp(world);
  symlinkSync(usr, join(world.live, 'link'));
  const at = async (path: string) => {
    const [found] = await nanolin.owner([path]);
    return [found?.path, found?.target, found?.owner?.layer ?? null, found?.leadsTo];
  };
  assert.equal(await at(`${usr}/lib64/x.so`), [`${usr}/lib/x.so`, usr, 'one', null]);
  assert.equal(await at(`${usr}/bin/x`), [`${usr}/bin/x`, usr, 'two', `${usr}/lib/x.so`]);
  assert.equal(await at(`${world.live}/link/bin/x`), [`${usr}/bin/x`, usr, 'two', `${usr}/lib/x.so`]);
  assert.equal(await at(`${usr}/bin/../lib64/./x.so`), [`${usr}/lib/x.so`, usr, 'one', null]);
  assert.equal(await at(`${usr}/away`), [`${usr}/away`, usr, 'two', null]);
  assert.equal(await at(`${usr}/out/usr/one`), [`${usr}/out/usr/one`, usr, null, null]);
  assert.equal(await at('/etc/hostname'), ['/etc/hostname', null, null, null]);
  symlinkSync('loop', join(usr, 'loop'));
  assert.equal((await at(`${usr}/loop/x`)).slice(1), [usr, null, null]);
});

inStacks('patterns are matched against what the stacks show, and else against what is off', async () => {
  await using world = await makeWorld();
  const { nanolin, usr } = await setUp(world);
  const found = async (pattern: string, options = {}) =>
    (await nanolin.owner([pattern], options)).map(({ path }) => path.replace(usr, ''));
  assert.equal(await found(`${usr}/b*`), ['/base', '/bin', '/both']);
  assert.equal(await found(`${usr}/*/t*`), ['/all/two', '/bin/tool']);
  assert.equal(await found(`${usr}/**/x.so`), ['/lib/x.so']);
  assert.equal(await found(`${usr}/**/[!a-s]*`), ['/all/two', '/bin/tool', '/bin/x', '/lib/x.so']);
  assert.equal(await found(`${world.live}/u?r/one`), ['/one']);
  assert.equal(await found(`${usr}/bin/thr*`), ['/bin/three']);
  assert.equal(await found(`${usr}/bin/star*`), ['/bin/star*']);
  assert.equal(await found(`${usr}/lib64/*.so`), ['/lib/x.so']);
  rmSync(join(usr, 'both'));
  assert.equal(await found(`${usr}/bo*`), [`/bo*`]);
  assert.equal(await found(`${usr}/all`), ['/all']);
  assert.equal(await found(`${usr}/all`, { recursive: true }), ['/all', '/all/base', '/all/one', '/all/two']);
});

inStacks('where nothing is on it says who would bring a path, by the place it has in the image', async () => {
  await using world = await makeWorld();
  await world.layer('app', { 'opt/nanolin-test/run': 'app' });
  const nanolin = await world.open();
  const [run] = await nanolin.owner(['/opt/nanolin-test/run']);
  assert.equal([run?.target, run?.visible, run?.off], [null, false, [{ layer: 'app', version: '1.0' }]]);
  assert.equal(
    (await nanolin.owner(['/opt/nanolin*/*'])).map(({ path }) => path),
    ['/opt/nanolin-test/run'],
  );
  const [passwd] = await nanolin.owner(['/etc/passwd']);
  assert.equal([passwd?.target, passwd?.visible, passwd?.base], [null, true, true]);
});

inStacks('with all it names every layer of the store that ships a path, on or off', async () => {
  await using world = await makeWorld();
  const usr = world.directory('usr', { base: 'base' });
  for (const name of ['one', 'two', 'three'])
    await world.layer(name, { [`usr/${name}`]: name, 'usr/both': name });
  world.profile('p', `TARGETS ${usr} from=/usr`, 'ENABLES one two');
  const nanolin = await world.open();
  await nanolin.profile.switch('p');
  const [both, lone, outside] = await nanolin.owner([`${usr}/both`, `${usr}/three`, '/usr/both'], {
    all: true,
  });
  const names = (owner: typeof both) => owner?.shipped?.map(({ layer }) => layer);
  assert.equal([names(both), both?.owner?.layer], [['one', 'three', 'two'], 'two']);
  assert.equal([names(lone), lone?.visible, names(outside)], [['three'], false, ['one', 'three', 'two']]);
  assert.is((await nanolin.owner([`${usr}/both`]))[0]?.shipped, undefined);
});

inStacks('names that are no UTF-8 are asked for as bytes', async () => {
  await using world = await makeWorld();
  const usr = world.directory('usr', { base: 'base' });
  const tree = join(world.live, 'tree');
  mkdirSync(tree);
  const name = Buffer.from([0x61, 0xff, 0x62]);
  writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), name]), 'odd');
  const nanolin = await world.open();
  await nanolin.layer.import(tree, { name: 'odd', version: '1' });
  world.profile('p', `TARGETS ${usr} from=/`, 'ENABLES odd');
  await nanolin.profile.switch('p');
  const [found] = await nanolin.owner([Buffer.concat([Buffer.from(`${usr}/`), name])]);
  assert.equal([found?.path, found?.owner?.layer], [`${usr}/a\ufffdb`, 'odd']);
  assert.equal((await nanolin.owner([`${usr}/a?b`])).length, 1);
});

test.run();
