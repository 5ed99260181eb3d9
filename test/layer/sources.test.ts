import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseManifest } from '../../src/formats/index.ts';
import { importLayer, type Layer, listLayers, readManifest, showFiles } from '../../src/layer/index.ts';
import { openStore, refusal, type TestStore } from './store.ts';
import { type Member, tarOf } from './tar.ts';

function plant(top: string): string {
  mkdirSync(join(top, 'usr/bin'), { recursive: true });
  writeFileSync(join(top, 'usr/bin/tool'), 'x'.repeat(5000), { mode: 0o755 });
  symlinkSync('tool', join(top, 'usr/bin/link'));
  return top;
}

async function only(store: TestStore, source: string, options = {}): Promise<Layer> {
  const [layer, ...more] = await importLayer(store.ctx, source, options);
  assert.is(more.length, 0);
  assert.ok(layer);
  return layer;
}

test('a tar in each of its compressions holds what the directory held', async () => {
  using store = openStore();
  const tree = plant(join(store.scratch, 'tree'));
  const expected = await showFiles(store.ctx, await only(store, tree));
  for (const [suffix, flag] of [
    ['tar', '--no-auto-compress'],
    ['tar.gz', '-z'],
    ['tar.xz', '-J'],
    ['tar.zst', '--zstd'],
  ] as const) {
    const path = join(store.scratch, `tool_2.1-${suffix.length}.${suffix}`);
    execFileSync('tar', ['-c', flag, '-f', path, '-C', tree, '.']);
    const layer = await only(store, path, { name: `n${suffix.replaceAll('.', '')}` });
    assert.equal(await showFiles(store.ctx, layer), expected);
    assert.is(layer.trust, 'made');
  }
});

test('name and version: what the admin says, else what the path tells, else version 0', async () => {
  using store = openStore();
  const tree = plant(join(store.scratch, 'My Tool'));
  const versioned = plant(join(store.scratch, 'tool-1.2~rc1'));
  const named = ({ name, version }: Layer) => `${name} ${version}`;
  assert.is(named(await only(store, tree)), 'my-tool 0');
  assert.is(named(await only(store, versioned)), 'tool 1.2~rc1');
  assert.is(named(await only(store, tree, { name: 'x', version: '3' })), 'x 3');
  assert.is((await refusal(importLayer(store.ctx, tree, { name: '../x' }))).code, 'usage');
  assert.is((await refusal(importLayer(store.ctx, tree, { version: 'v1' }))).code, 'usage');
  assert.is((await refusal(importLayer(store.ctx, join(store.scratch, 'none')))).code, 'source-missing');
});

test('the same source again is the same layer, a changed one is another', async () => {
  using store = openStore();
  const tree = plant(join(store.scratch, 'tree'));
  const first = await only(store, tree);
  assert.is((await only(store, tree)).image, first.image);
  writeFileSync(join(tree, 'more'), '');
  const second = await only(store, tree);
  assert.is.not(second.image, first.image);
  assert.is((await listLayers(store.ctx)).length, 2);
});

test('a system extension has the name that its release file says, as a directory and as a raw image', async () => {
  using store = openStore();
  const tree = plant(join(store.scratch, 'whatever'));
  mkdirSync(join(tree, 'usr/lib/extension-release.d'), { recursive: true });
  writeFileSync(join(tree, 'usr/lib/extension-release.d/extension-release.monitoring'), 'ID=_any\n');
  assert.is((await only(store, tree)).name, 'monitoring');
  const raw = join(store.scratch, 'x.raw');
  execFileSync('mksquashfs', [tree, raw, '-quiet', '-no-progress']);
  const layer = await only(store, raw, { unsigned: true, version: '2' });
  assert.is(`${layer.name} ${layer.version} ${layer.trust}`, 'monitoring 2 accepted');
});

test('an image that has a full name keeps its name, version and stamp', async () => {
  using store = openStore();
  const image = join(store.scratch, 'tool-v1.0-r24.02-G29010203.img');
  execFileSync('mkfs.erofs', ['--quiet', image, plant(join(store.scratch, 'tree'))]);
  assert.is((await only(store, image, { unsigned: true })).image, 'tool-v1.0-r24.02-G29010203.img');
});

test('a .deb: merged-usr, configuration files, scripts that are not run', async () => {
  const logged: object[] = [];
  using store = openStore({ log: { debug() {}, info: fields => logged.push(fields), warn() {} } });
  const tree = join(store.scratch, 'package');
  for (const directory of ['DEBIAN', 'bin', 'lib/x86_64-linux-gnu', 'usr/bin', 'etc'])
    mkdirSync(join(tree, directory), { recursive: true });
  writeFileSync(join(tree, 'bin/tool'), 'tool', { mode: 0o755 });
  writeFileSync(join(tree, 'usr/bin/other'), 'other', { mode: 0o755 });
  symlinkSync('../../bin/tool', join(tree, 'usr/bin/tool'));
  writeFileSync(join(tree, 'lib/x86_64-linux-gnu/libtool.so'), '');
  writeFileSync(join(tree, 'etc/tool.conf'), 'a=b\n');
  writeFileSync(join(tree, 'DEBIAN/conffiles'), '/etc/tool.conf\n');
  writeFileSync(join(tree, 'DEBIAN/postinst'), `#!/bin/sh\ntouch ${store.scratch}/ran\n`, { mode: 0o755 });
  writeFileSync(
    join(tree, 'DEBIAN/control'),
    'Package: tool\nVersion: 2:1.0-3+deb12u1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n',
  );
  const deb = join(store.scratch, 'whatever.deb');
  execFileSync('dpkg-deb', ['--root-owner-group', '-b', tree, deb], { stdio: 'ignore' });

  const layer = await only(store, deb);
  assert.is(layer.image, 'tool-v1.0+3+deb12u1-r26.11-G22100000.img');
  const { entries } = parseManifest(readManifest(store.ctx, layer), { file: 'x.lst' });
  const entry = (path: string) => entries.find(entry => entry.path === path);
  assert.not.ok(entry('bin') ?? entry('lib'));
  assert.is(entry('usr/bin/tool')?.type, 'file');
  assert.is(entry('usr/lib/x86_64-linux-gnu/libtool.so')?.type, 'file');
  assert.equal(entry('etc/tool.conf')?.tags, ['config']);
  assert.equal(logged, [{ layer: 'tool', scripts: ['postinst'] }]);
  assert.not.ok(statSync(join(store.scratch, 'ran'), { throwIfNoEntry: false }));
  assert.is((await only(store, deb)).image, layer.image);
});

test('an OCI layout: layers in order, whiteouts and opaque directories applied', async () => {
  using store = openStore();
  const layout = ociLayout(store, [
    [
      { name: 'etc/', type: '5' },
      { name: 'etc/keep', data: '1' },
      { name: 'etc/gone' },
      { name: 'opt/old/a' },
      { name: 'opt/old/b' },
      { name: 'usr/x', data: 'low' },
    ],
    [{ name: 'etc/.wh.gone' }, { name: 'opt/old/.wh..wh..opq' }, { name: 'opt/old/c' }, { name: 'tmp/late' }],
    [{ name: 'usr/x', data: 'top' }, { name: '.wh.tmp' }, { name: 'tmp/new' }],
  ]);
  const layer = await only(store, layout);
  assert.is(`${layer.name} ${layer.version}`, 'app 1.25');
  const files = (await showFiles(store.ctx, layer)).filter(path => !path.endsWith('/'));
  assert.equal(files, ['/etc/keep', '/opt/old/c', '/tmp/new', '/usr/x']);
  const { entries } = parseManifest(readManifest(store.ctx, layer), { file: 'x.lst' });
  assert.is(
    entries.find(({ path }) => path === 'usr/x')?.sha256,
    createHash('sha256').update('top').digest('hex'),
  );
  assert.is((await only(store, layout)).image, layer.image);
});

test('an OCI blob that is not what its digest says is refused', async () => {
  using store = openStore();
  const layout = ociLayout(store, [[{ name: 'a', data: 'x' }]]);
  const blob = execFileSync('sh', ['-c', 'ls -S "$1"/blobs/sha256/* | head -1', 'sh', layout], {
    encoding: 'utf8',
  }).trim();
  writeFileSync(blob, tarOf([{ name: 'a', data: 'y' }]));
  assert.match((await refusal(importLayer(store.ctx, layout))).message, /is not what its digest says/);
});

function ociLayout(store: TestStore, layers: readonly Member[][]): string {
  const top = join(store.scratch, 'app');
  mkdirSync(join(top, 'blobs/sha256'), { recursive: true });
  const blob = (content: Buffer, annotations?: object): object => {
    const hex = createHash('sha256').update(content).digest('hex');
    writeFileSync(join(top, 'blobs/sha256', hex), content);
    return { digest: `sha256:${hex}`, size: content.length, ...(annotations ? { annotations } : {}) };
  };
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value));
  const manifest = blob(
    json({ schemaVersion: 2, config: {}, layers: layers.map(members => blob(tarOf(members))) }),
    { 'org.opencontainers.image.ref.name': 'v1.25' },
  );
  writeFileSync(join(top, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(top, 'index.json'), json({ schemaVersion: 2, manifests: [manifest] }));
  return top;
}

test.run();
