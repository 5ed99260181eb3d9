import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { execa } from 'execa';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRecipe, printRecipe } from '../../src/formats/index.ts';
import type { Nanolin, PackageChange } from '../../src/index.ts';
import { type Scene, setScene } from '../gap/scene.ts';
import { writeTree } from '../gap/trees.ts';
import { refusal } from '../layer/store.ts';

interface Shop extends AsyncDisposable {
  readonly scene: Scene;
  readonly nanolin: Nanolin;
  /** Makes NAME-vVERSION-STAMP.img with its recipe in a directory of packages, and returns the image's path. */
  make(
    directory: string,
    text: string,
    files: Record<string, string>,
    lines?: readonly string[],
  ): Promise<string>;
  /** Path of a directory of packages. */
  source(name: string): string;
  shows(): string[];
  on(): Promise<string[]>;
}

async function openShop(): Promise<Shop> {
  const scene = await setScene('private');
  scene.profile('system', []);
  const nanolin = await scene.open();
  const source = (name: string) => join(scene.directory, name);
  return {
    scene,
    nanolin,
    source,
    async make(directory, text, files, lines = []) {
      const [name = '', version = ''] = text.split(' ');
      const stem = `${name}-v${version}-r26.01-G01000000`;
      const tree = join(scene.directory, `tree-${stem}`);
      mkdirSync(source(directory), { recursive: true });
      writeTree(tree, files);
      const image = join(source(directory), `${stem}.img`);
      await execa('mkfs.erofs', ['--quiet', '-T0', image, tree]);
      writeFileSync(
        join(source(directory), `${stem}.rcp`),
        [`PACKAGE ${name}`, `VERSION ${version}`, `COMMENT the ${name}`, ...lines, ''].join('\n'),
      );
      return image;
    },
    shows: () => readdirSync(scene.target).sort(),
    on: async () =>
      ((await nanolin.status()).targets[0]?.layers ?? []).map(({ name, version }) => `${name} ${version}`),
    async [Symbol.asyncDispose]() {
      await scene[Symbol.asyncDispose]();
    },
  };
}

const shown = (list: PackageChange['add']) => list.map(({ name, version }) => `${name} ${version}`);

/** All that a refused command must leave alone. */
function stateOf({ scene }: Shop): unknown {
  const lib = join(scene.root, 'var/lib/nanolin');
  const read = (file: string) => (existsSync(join(lib, file)) ? readFileSync(join(lib, file), 'utf8') : null);
  const list = (directory: string) =>
    existsSync(join(lib, directory)) ? readdirSync(join(lib, directory)).sort() : [];
  const { layers = [] } = JSON.parse(read('layers.json') ?? '{}');
  const packages = JSON.parse(read('packages.json') ?? '{"packages":[]}').packages;
  return {
    layers,
    packages,
    store: list('layers'),
    state: read('state.json'),
    generations: list('generations'),
    tmp: list('tmp'),
    shows: readdirSync(scene.target),
  };
}

test('a package and what it needs come on in one generation, and are remembered', async () => {
  await using shop = await openShop();
  const { nanolin } = shop;
  await shop.make('out', 'app 1', { app: 'app\n' }, ['REQUIRE lib>=2 sh']);
  await shop.make('out', 'lib 1', { lib: 'old\n' });
  await shop.make('out', 'lib 2.1', { lib: 'new\n' });
  await shop.make('out', 'dash 1', { sh: 'sh\n' }, ['PROVIDE sh']);
  const options = { from: [shop.source('out')], unsigned: true };

  const dry = await nanolin.package.install(['app'], { ...options, dryRun: true });
  assert.equal(shown(dry.add), ['lib 2.1', 'dash 1', 'app 1']);
  assert.equal(shop.shows(), ['base']);
  assert.equal(await nanolin.layer.list(), []);

  const done = await nanolin.package.install(['app'], options);
  assert.equal(shown(done.add), shown(dry.add));
  assert.is(done.switched?.generation, 1);
  assert.is(done.switched?.profile, 'system');
  assert.equal(shop.shows(), ['app', 'base', 'lib', 'sh']);
  assert.is(readFileSync(join(shop.scene.target, 'lib'), 'utf8'), 'new\n');
  assert.equal(await shop.on(), ['app 1', 'dash 1', 'lib 2.1']);
  assert.equal(
    (await nanolin.package.list()).map(({ name, asked, on }) => [name, asked, on]),
    [
      ['app', true, true],
      ['dash', false, true],
      ['lib', false, true],
    ],
  );
  assert.equal(await nanolin.package.files('app'), ['/app']);
  // The store has all of it now: no source is needed, and nothing is left to do.
  assert.is((await nanolin.package.install(['app'])).switched, null);
});

test('on or off like any other layer, and remembered while off', async () => {
  await using shop = await openShop();
  const { nanolin } = shop;
  await shop.make('out', 'app 1', { app: 'app\n' });
  await nanolin.package.install(['app'], { from: [shop.source('out')], unsigned: true });
  await nanolin.disable(['app']);
  assert.equal(
    (await nanolin.package.list()).map(({ name, on }) => [name, on]),
    [['app', false]],
  );
  await nanolin.package.install(['app']);
  assert.equal(
    (await nanolin.package.list()).map(({ name, on }) => [name, on]),
    [['app', true]],
  );
  await nanolin.disable(['app']);
  assert.is((await nanolin.package.remove(['app'])).switched, null);
  assert.equal(await nanolin.package.list(), []);
});

test('an image by its path, and a newer version in the place of the old', async () => {
  await using shop = await openShop();
  const { nanolin } = shop;
  const first = await shop.make('out', 'app 1', { app: '1\n' });
  await shop.make('out', 'app 3', { app: '3\n' });
  await shop.make('out', 'top 1', { top: 'top\n' });
  await nanolin.package.install([first], { unsigned: true });
  const from = [shop.source('out')];
  await nanolin.package.install(['top'], { from, unsigned: true });
  assert.equal(await shop.on(), ['top 1', 'app 1']);
  const up = await nanolin.package.install(['app'], { from, unsigned: true });
  assert.equal([shown(up.add), shown(up.drop)], [['app 3'], ['app 1']]);
  assert.equal(await shop.on(), ['top 1', 'app 3']);
  await nanolin.rollback();
  assert.equal(await shop.on(), ['top 1', 'app 1']);
  // Back to an older one on demand.
  await nanolin.package.install(['app>1'], { from, unsigned: true });
  assert.equal(shown((await nanolin.package.install(['app=1'], { from })).add), ['app 1']);
});

test('remove: refuses what others need, cascades, and lists what nothing needs', async () => {
  await using shop = await openShop();
  const { nanolin } = shop;
  await shop.make('out', 'app 1', { app: 'app\n' }, ['REQUIRE lib']);
  await shop.make('out', 'tool 1', { tool: 'tool\n' }, ['REQUIRE app']);
  await shop.make('out', 'lib 1', { lib: 'lib\n' });
  await nanolin.package.install(['app', 'tool'], { from: [shop.source('out')], unsigned: true });

  const before = stateOf(shop);
  const error = await refusal(nanolin.package.remove(['lib']));
  assert.is(error.code, 'conflict');
  assert.is(error.message, 'lib is needed by app, tool');
  assert.is((await refusal(nanolin.package.remove(['lbi']))).hint, 'did you mean lib?');
  const dry = await nanolin.package.remove(['lib'], { cascade: true, dryRun: true });
  assert.equal(shown(dry.drop).sort(), ['app 1', 'lib 1', 'tool 1']);
  assert.equal(stateOf(shop), before);

  const gone = await nanolin.package.remove(['tool']);
  assert.equal([shown(gone.drop), shown(gone.unneeded)], [['tool 1'], []]);
  const left = await nanolin.package.remove(['app']);
  assert.equal([shown(left.drop), shown(left.unneeded)], [['app 1'], ['lib 1']]);
  assert.equal(await shop.on(), ['lib 1']);
  await nanolin.package.install(['app']);
  const all = await nanolin.package.remove(['app'], { autoremove: true });
  assert.equal(shown(all.drop), ['app 1', 'lib 1']);
  assert.equal(shop.shows(), ['base']);
  // The images stay: a rollback finds them.
  await nanolin.rollback();
  assert.equal(shop.shows(), ['app', 'base', 'lib']);
});

test('37: a path of another package is refused without REPLACE, with path and owners; nothing changes', async () => {
  await using shop = await openShop();
  const { nanolin } = shop;
  await shop.make('out', 'owner 1', { 'bin/tool': 'mine\n', 'bin/same': 'same\n' });
  await shop.make('out', 'thief 1', { 'bin/tool': 'taken\n', 'bin/same': 'same\n', 'bin/own': 'x\n' });
  await shop.make('out', 'heir 1', { 'bin/tool': 'inherited\n' }, ['REPLACE own*']);
  await shop.make('out', 'late 1', { 'bin/tool': 'late\n' });
  const options = { from: [shop.source('out')], unsigned: true };
  await nanolin.package.install(['owner'], options);
  const before = stateOf(shop);
  const error = await refusal(nanolin.package.install(['thief'], options));
  assert.is(error.code, 'conflict');
  assert.is(error.message, `${shop.scene.target}/bin/tool of thief 1 belongs to owner 1`);
  assert.match(error.hint ?? '', /REPLACE owner/);
  assert.equal(stateOf(shop), before);
  // Two that come together are held to the same.
  assert.is((await refusal(nanolin.package.install(['thief', 'late'], options))).code, 'conflict');
  assert.equal(stateOf(shop), before);

  await nanolin.package.install(['heir'], options);
  assert.is(readFileSync(join(shop.scene.target, 'bin/tool'), 'utf8'), 'inherited\n');
  assert.equal(await shop.on(), ['heir 1', 'owner 1']);
});

test('PROVIDE with REPLACE: the one that takes the place goes on, the other goes off, its users stay', async () => {
  await using shop = await openShop();
  const { nanolin } = shop;
  await shop.make('out', 'old 1', { sh: 'old\n' });
  await shop.make('out', 'user 1', { user: 'user\n' }, ['REQUIRE old']);
  await shop.make('out', 'new 1', { sh: 'new\n' }, ['PROVIDE old', 'REPLACE old']);
  const options = { from: [shop.source('out')], unsigned: true };
  await nanolin.package.install(['user'], options);
  const done = await nanolin.package.install(['new'], options);
  assert.equal([shown(done.add), shown(done.drop)], [['new 1'], ['old 1']]);
  assert.equal(await shop.on(), ['new 1', 'user 1']);
  assert.is((await refusal(nanolin.package.remove(['new']))).message, 'new is needed by user');
});

test('33: a stand-in from another source is not pulled without --cross', async () => {
  await using shop = await openShop();
  const { nanolin } = shop;
  await shop.make('home', 'libc 1', { libc: 'home\n' });
  await shop.make('home', 'app 1', { app: 'app\n' }, ['REQUIRE libc>=2']);
  await shop.make('abroad', 'libc 2', { libc: 'abroad\n' });
  await shop.make('abroad', 'evil 1', { evil: 'evil\n' }, ['PROVIDE libc=2', 'REPLACE libc']);
  const options = { from: [shop.source('home'), shop.source('abroad')], unsigned: true };
  await nanolin.package.install(['libc'], options);
  assert.equal(await shop.on(), ['libc 1']);
  const before = stateOf(shop);
  const error = await refusal(nanolin.package.install(['app'], options));
  assert.is(error.code, 'conflict');
  assert.match(error.message, /app 1 needs libc>=2.*libc 2 is from .*abroad, and libc is .*home's/);
  assert.match(error.hint ?? '', /--cross libc/);
  assert.equal(stateOf(shop), before);
  // Asked for by name it comes on, and its REPLACE counts for nothing.
  await nanolin.package.install(['evil'], options);
  assert.equal(await shop.on(), ['evil 1', 'libc 1']);
  await nanolin.package.remove(['evil']);
  await nanolin.package.install(['app'], { ...options, cross: ['libc'] });
  assert.equal(await shop.on(), ['app 1', 'libc 2']);
});

test('an unsigned image, a wrong recipe, an unknown name: refused, and nothing changes', async () => {
  await using shop = await openShop();
  const { nanolin } = shop;
  await shop.make('out', 'app 1', { app: 'app\n' }, ['REQUIRE lib']);
  const lib = await shop.make('out', 'lib 1', { lib: 'lib\n' });
  const from = [shop.source('out')];
  await nanolin.package.install(['lib'], { from, unsigned: true });
  await nanolin.package.remove(['lib']);
  const before = stateOf(shop);
  assert.is((await refusal(nanolin.package.install(['app'], { from }))).code, 'unsigned');
  assert.equal(stateOf(shop), before);
  const unknown = await refusal(nanolin.package.install(['ap'], { from, unsigned: true }));
  assert.equal([unknown.code, unknown.hint], ['layer-missing', 'did you mean app?']);
  assert.is((await refusal(nanolin.package.install(['app'], { from: ['/nowhere'] }))).code, 'source-missing');
  writeFileSync(lib.replace('.img', '.rcp'), 'PACKAGE sudo\nVERSION 1\n');
  const { doubts } = await nanolin.package.install(['app'], { from, unsigned: true, dryRun: true });
  assert.match(doubts.join(), /is of sudo 1, lib-v1-.*img is left out/);
  assert.equal(stateOf(shop), before);
});

test('44, 48: what an application may not bring needs its recipe and the admin to agree, and is named path by path', async () => {
  await using shop = await openShop();
  const { nanolin } = shop;
  await shop.make('shop', 'sly 1', { 'usr/bin/tool': 'tool\n', 'etc/passwd': 'root::0:0\n' });
  const image = await shop.make('shop', 'open 1', { 'etc/sudoers.d/open': 'ALL\n' }, ['PERMITS privilege']);
  assert.ok(image);
  const from = [shop.source('shop')];
  const sly = await refusal(
    nanolin.package.install(['sly'], { from, unsigned: true, permits: ['accounts'] }),
  );
  assert.is(sly.code, 'refused');
  assert.match(sly.message, /sly 1 may not bring \/etc\/passwd \(decides who the users are\)$/);
  assert.match(sly.hint ?? '', /PERMITS accounts/);
  const open = await refusal(nanolin.package.install(['open'], { from, unsigned: true }));
  assert.match(`${open.message} ${open.hint}`, /\/etc\/sudoers\.d\/open .* --permit privilege/);
  assert.is(
    (await refusal(nanolin.package.install(['open'], { from, permits: ['nonsense'] }))).code,
    'usage',
  );
  assert.equal([await shop.on(), await nanolin.layer.list()], [[], []]);
  await nanolin.package.install(['open'], { from, unsigned: true, permits: ['privilege'] });
  assert.equal(await shop.on(), ['open 1']);
});

test('a second image that is no image: what was brought in before it goes again', async () => {
  await using shop = await openShop();
  const { nanolin } = shop;
  await shop.make('out', 'app 1', { app: 'app\n' }, ['REQUIRE lib bad']);
  await shop.make('out', 'lib 1', { lib: 'lib\n' });
  writeFileSync(await shop.make('out', 'bad 1', { bad: 'bad\n' }), Buffer.alloc(8192, 7));
  const before = stateOf(shop);
  const error = await refusal(
    nanolin.package.install(['app'], { from: [shop.source('out')], unsigned: true }),
  );
  assert.is(error.code, 'image-invalid');
  assert.equal(stateOf(shop), before);
  assert.equal(await nanolin.layer.list(), []);
});

test('an error at any boundary before the switch: store, records and stack are as before', async () => {
  await using shop = await openShop();
  const { nanolin, scene } = shop;
  await shop.make('out', 'old 1', { old: 'old\n' });
  await shop.make('out', 'app 1', { app: 'app\n' }, ['REQUIRE lib']);
  await shop.make('out', 'lib 1', { lib: 'lib\n' });
  const options = { from: [shop.source('out')], unsigned: true };
  await nanolin.package.install(['old'], options);
  const before = stateOf(shop);
  const failAt = (nth: number, passed: string[] = []) =>
    scene.open({
      at(point) {
        passed.push(point);
        if (passed.length === nth && /^(import|package):/.test(point)) throw new Error(`at ${point}`);
      },
    });
  for (let nth = 1; ; nth++) {
    const failing = await failAt(nth);
    const result = await failing.package.install(['app'], options).catch(error => error);
    if (!(result instanceof Error)) {
      assert.equal(await shop.on(), ['app 1', 'lib 1', 'old 1']);
      if (nth > 10) break;
      await nanolin.package.remove(['app'], { autoremove: true });
      for (const name of ['app', 'lib']) await nanolin.layer.remove(name);
      continue;
    }
    assert.equal(stateOf(shop), before, result.message);
  }
});

test('a health check that fails: the stack and the records are as before', async () => {
  await using shop = await openShop();
  const { nanolin, scene } = shop;
  await shop.make('out', 'app 1', { app: 'app\n' });
  await shop.make('out', 'bad 1', { bad: 'bad\n' });
  const profile = join(scene.root, 'etc/nanolin/profiles/system.rcp');
  writeFileSync(profile, `${readFileSync(profile, 'utf8')}HEALTHY\n\ttest ! -e ${scene.target}/bad\n`);
  const options = { from: [shop.source('out')], unsigned: true };
  await nanolin.package.install(['app'], options);
  const { switched } = await nanolin.package.install(['bad'], options);
  assert.is(switched?.rolledBack?.code, 'script-failed');
  assert.equal(shop.shows(), ['app', 'base']);
  assert.equal(
    (await nanolin.package.list()).map(({ name }) => name),
    ['app'],
  );
});

test('layers of a profile are kept, and search finds by name, summary and PROVIDE', async () => {
  await using shop = await openShop();
  const { nanolin, scene } = shop;
  writeTree(join(scene.directory, 'plain'), { plain: 'plain\n' });
  await nanolin.layer.import(join(scene.directory, 'plain'), { name: 'plain', version: '1' });
  scene.profile('system', ['plain']);
  await shop.make('out', 'dash 1', { sh: 'sh\n' }, ['PROVIDE posix-shell']);
  const from = [shop.source('out')];
  await nanolin.package.install(['dash'], { from, unsigned: true });
  assert.equal(await shop.on(), ['dash 1', 'plain 1']);
  for (const text of ['DASH', 'the da', 'posix'])
    assert.equal(
      (await nanolin.package.search(text)).map(({ name, stored }) => [name, stored]),
      [['dash', true]],
    );
  assert.equal(await nanolin.package.search('nothing such'), []);
});

test('a signed package needs no consent, and its key is its source', async () => {
  await using shop = await openShop();
  const { nanolin, scene } = shop;
  const image = await shop.make('made', 'app 1', { app: 'app\n' });
  await nanolin.layer.import(image, { unsigned: true });
  const store = join(scene.root, 'var/lib/nanolin/layers');
  const signed = shop.source('signed');
  mkdirSync(signed);
  const stem = basename(image, '.img');
  for (const suffix of ['img', 'lst'])
    copyFileSync(join(store, `${stem}.${suffix}`), join(signed, `${stem}.${suffix}`));
  copyFileSync(image.replace('.img', '.rcp'), join(signed, `${stem}.rcp`));
  await nanolin.layer.remove('app');
  const sums = await execa('sha256sum', ['--tag', `${stem}.img`, `${stem}.lst`], { cwd: signed });
  writeFileSync(join(signed, 'sums'), `${sums.stdout}\n`);
  await nanolin.key.create('vendor', { password: null });
  const secret = join(scene.root, 'etc/nanolin/keys/vendor.sec');
  await execa('signify-openbsd', ['-S', '-e', '-s', secret, '-m', 'sums', '-x', `${stem}.sig`], {
    cwd: signed,
  });
  const { add } = await nanolin.package.install(['app'], { from: [signed] });
  assert.match(add[0]?.source ?? '', /^vendor \([0-9a-f]{16}\)$/);
  assert.is(
    printRecipe(parseRecipe(readFileSync(join(store, `${stem}.rcp`)), { file: 'x' })).split('\n')[0],
    'PACKAGE app',
  );
});

test.run();
