import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { packageFrom, parseManifest, parseRecipe } from '../../src/formats/index.ts';
import { refusal } from '../layer/store.ts';
import { openWorkshop, type Workshop } from './workshop.ts';

const mit = 'Permission is hereby granted, free of charge, to any person obtaining a copy of this software\n';

/** A tree with these files; names that end in / are directories. */
function tree(shop: Workshop, name: string, files: Readonly<Record<string, string>>): string {
  const top = join(shop.directory, name);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(top, path, '..'), { recursive: true });
    writeFileSync(join(top, path), text);
  }
  return top;
}

function deb(shop: Workshop, control: readonly string[], files: Readonly<Record<string, string>>): string {
  const top = tree(shop, 'deb', {
    'DEBIAN/control': `${control.join('\n')}\n`,
    'DEBIAN/conffiles': '/etc/greet.conf\n',
    'DEBIAN/postinst': '#!/bin/sh\ntouch /tmp/nanolin-postinst-ran\n',
    'etc/greet.conf': 'x=1\n',
    'bin/greet': '#!/bin/sh\necho hello\n',
    ...files,
  });
  chmodSync(join(top, 'DEBIAN/postinst'), 0o755);
  const path = join(shop.directory, 'greet.deb');
  execFileSync('dpkg-deb', ['--root-owner-group', '-b', top, path], { stdio: 'ignore' });
  return path;
}

const control = [
  ...[
    'Package: greet',
    'Version: 2:1.0-3',
    'Architecture: all',
    'Maintainer: A Person <a@example.org>',
    'Homepage: https://example.org',
  ],
  ...[
    'Depends: libc6 (>= 2.30), sh | dash',
    'Pre-Depends: dpkg',
    'Provides: hello (= 1.0), says',
    'Replaces: old-greet (<< 1)',
    'Suggests: cowsay',
  ],
  ...['Description: says hello', ' at some length', ' .', ' and more'],
];

const manifest = (shop: Workshop, image: string) =>
  parseManifest(readFileSync(join(shop.root, 'var/lib/nanolin/layers', image.replace('.img', '.lst'))), {
    file: 'x',
  }).entries;

test('a .deb becomes recipe and image: relations, conffiles, licences; its scripts are named and not run', async () => {
  await using shop = await openWorkshop({ now: () => new Date('2026-11-22T10:00:00Z') });
  const path = deb(shop, control, { 'usr/share/doc/greet/copyright': mit });
  const out = join(shop.directory, 'out');
  const it = await shop.nanolin.package.import(path, { out });
  assert.is(it.image, 'greet-v1.0+3-r26.11-G22100000.img');
  assert.equal([it.scripts, it.conffiles], [['postinst'], ['etc/greet.conf']]);
  assert.equal(it.licenses, [{ path: 'usr/share/doc/greet/copyright', license: 'MIT' }]);
  const text = readFileSync(it.recipe, 'utf8');
  const recipe = packageFrom(parseRecipe(text, { file: it.recipe, strict: true }));
  assert.equal(
    recipe.requires.map(({ name, op, version }) => `${name}${op ?? ''}${version ?? ''}`),
    ['dpkg', 'libc6>=2.30', 'sh'],
  );
  assert.equal(
    recipe.provides.map(({ name, version }) => [name, version]),
    [
      ['hello', '1.0'],
      ['says', null],
    ],
  );
  assert.equal(
    [recipe.replaces, recipe.license, recipe.comment, recipe.description],
    [['old-greet'], 'MIT', 'says hello', 'at some length\n\nand more\n'],
  );
  assert.match(text, 'maintainer scripts were not run: postinst');
  const entries = manifest(shop, it.image);
  assert.equal(entries.find(({ path }) => path === 'etc/greet.conf')?.tags, ['config']);
  for (const path of [
    'usr/bin/greet',
    'usr/share/licenses/greet/INVENTORY',
    'usr/share/licenses/greet/usr_share_doc_greet_copyright',
  ])
    assert.ok(
      entries.some(entry => entry.path === path),
      path,
    );
  assert.throws(() => readFileSync('/tmp/nanolin-postinst-ran'), /ENOENT/);
  const again = await shop.nanolin.package.import(path);
  assert.is(again.digest, it.digest);
  assert.is((await shop.nanolin.layer.list()).length, 1);
});

test('a directory and a tar of it become the same entries', async () => {
  await using shop = await openWorkshop();
  const top = tree(shop, 'greet-1.2', { 'usr/bin/greet': 'x', 'opt/greet/LICENSE': mit });
  const one = await shop.nanolin.package.import(top);
  assert.is(`${one.name} ${one.version}`, 'greet 1.2');
  const tar = join(shop.directory, 'greet-1.3.tar.gz');
  execFileSync('bsdtar', ['-czf', tar, '-C', top, '.']);
  const two = await shop.nanolin.package.import(tar);
  assert.is(two.version, '1.3');
  assert.equal(manifest(shop, two.image), manifest(shop, one.image));
  assert.ok(
    manifest(shop, one.image).some(({ path }) => path === 'usr/share/licenses/greet/opt_greet_LICENSE'),
  );
});

test('an OCI layout is its layers, the later over the earlier', async () => {
  await using shop = await openWorkshop();
  const layout = join(shop.directory, 'greet-2.0');
  mkdirSync(join(layout, 'blobs/sha256'), { recursive: true });
  const blob = (bytes: Buffer) => {
    const digest = createHash('sha256').update(bytes).digest('hex');
    writeFileSync(join(layout, 'blobs/sha256', digest), bytes);
    return { digest: `sha256:${digest}`, size: bytes.length };
  };
  const layers = [
    { 'opt/a': 'first', 'opt/b': 'first' },
    { 'opt/b': 'second', 'opt/.wh.a': '' },
  ].map((files, i) => blob(execFileSync('bsdtar', ['-cf', '-', '-C', tree(shop, `layer${i}`, files), '.'])));
  const manifest2 = blob(Buffer.from(JSON.stringify({ layers })));
  writeFileSync(join(layout, 'index.json'), JSON.stringify({ manifests: [manifest2] }));
  writeFileSync(join(layout, 'oci-layout'), '{}');
  const { image, version } = await shop.nanolin.package.import(layout);
  assert.is(version, '2.0');
  assert.equal(
    manifest(shop, image).map(({ path, size }) => `${path} ${size ?? ''}`.trim()),
    ['', 'opt', 'opt/b 6'],
  );
});

test('a control file cannot say more than a recipe takes', async () => {
  await using shop = await openWorkshop();
  const evil = [
    'Package: greet',
    'Version: 1.0',
    'Architecture: all',
    'Maintainer: x',
    'Description: says \u202e\u0007hello',
    ' PACKAGE sudo',
    ' INSTALL',
    '  rm -rf /',
  ];
  const it = await shop.nanolin.package.import(deb(shop, evil, {}));
  const recipe = parseRecipe(readFileSync(it.recipe, 'utf8'), { file: it.recipe, strict: true });
  assert.equal(
    recipe.directives.map(({ keyword }) => keyword),
    ['PACKAGE', 'VERSION', 'PKGDATE', 'COMMENT', 'CONTACT'],
  );
  assert.is(packageFrom(recipe).name, 'greet');
});

test('what an application may not bring is refused path by path, and taken when it is said', async () => {
  await using shop = await openWorkshop();
  const top = tree(shop, 'su-1.0', { 'usr/bin/su': 'x', 'etc/passwd': 'x', 'etc/sudoers.d/x': 'x' });
  chmodSync(join(top, 'usr/bin/su'), 0o4755);
  const error = await refusal(shop.nanolin.package.import(top));
  assert.is(error.code, 'refused');
  for (const path of ['/usr/bin/su', '/etc/passwd', '/etc/sudoers.d/x']) assert.match(error.message, path);
  assert.equal(await shop.nanolin.layer.list(), []);
  assert.is((await refusal(shop.nanolin.package.import(top, { permits: ['root'] }))).code, 'usage');
  const it = await shop.nanolin.package.import(top, { permits: ['setuid', 'accounts', 'privilege'] });
  assert.match(readFileSync(it.recipe, 'utf8'), /^PERMITS setuid accounts privilege$/m);
});

test('a link where the licences go leads nowhere outside', async () => {
  await using shop = await openWorkshop();
  const outside = join(shop.directory, 'outside');
  mkdirSync(outside);
  const top = tree(shop, 'evil-1.0', { 'opt/LICENSE': mit, 'usr/share/x': '' });
  symlinkSync(outside, join(top, 'usr/share/licenses'));
  const { image } = await shop.nanolin.package.import(top);
  assert.ok(manifest(shop, image).some(({ path, type }) => path === 'usr/share/licenses' && type === 'link'));
  assert.equal(execFileSync('ls', ['-A', outside], { encoding: 'utf8' }), '');
});

test.run();
