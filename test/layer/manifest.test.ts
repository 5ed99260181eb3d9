import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseManifest, printManifest } from '../../src/formats/index.ts';
import { native } from '../../src/kernel/index.ts';
import { importLayer, readManifest, showFiles } from '../../src/layer/index.ts';
import { readImage } from '../../src/layer/read-image.ts';
import { imagePath, listPath } from '../../src/layer/store.ts';
import { openStore } from './store.ts';
import { tarOf } from './tar.ts';

const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');

function plant(top: string): void {
  mkdirSync(join(top, 'usr/bin'), { recursive: true });
  mkdirSync(join(top, 'opt/empty'), { recursive: true, mode: 0o700 });
  writeFileSync(join(top, 'usr/bin/tool'), 'x'.repeat(100_000), { mode: 0o755 });
  native.lsetxattr(join(top, 'usr/bin/tool'), 'security.capability', capability);
  native.lsetxattr(join(top, 'usr/bin'), 'user.on-a-directory', Buffer.from([0, 255]));
  linkSync(join(top, 'usr/bin/tool'), join(top, 'usr/bin/tool2'));
  symlinkSync('tool', join(top, 'usr/bin/link'));
  execFileSync('install', ['-m', '4755', '-o', '12', '-g', '34', '/dev/null', join(top, 'usr/bin/suid')]);
  writeFileSync(join(top, 'a name with * and # and\nnewline'), 'y');
  const odd = Buffer.concat([Buffer.from(`${top}/caf`), Buffer.from([0xe9])]);
  writeFileSync(odd, 'z');
}

for (const format of ['erofs', 'squashfs'] as const)
  test(`${format}: the manifest says what the mounted image holds, entry by entry`, async () => {
    using store = openStore();
    const tree = join(store.scratch, 'thing-1.2');
    plant(tree);
    const [layer] = await importLayer(store.ctx, tree, { format });
    assert.ok(layer);
    assert.is(layer.image, 'thing-v1.2-r26.11-G22100000.img');
    const bytes = readManifest(store.ctx, layer);
    const manifest = parseManifest(bytes, { file: 'x.lst' });
    const seen = await readImage(store.ctx, store.scratch, imagePath(store.ctx, layer.image), 'x');
    assert.is(printManifest({ header: manifest.header, entries: seen.entries }), bytes.toString('latin1'));

    assert.is(layer.files, manifest.entries.length);
    assert.is(manifest.header.sha256, layer.digest);
    const entry = (path: string) => manifest.entries.find(entry => entry.path === path);
    assert.equal(Buffer.from(entry('usr/bin/tool')?.xattrs?.['security.capability'] ?? []), capability);
    assert.is(entry('usr/bin/tool2')?.nlink, 2);
    assert.equal(entry('usr/bin/suid')?.tags, ['setuid']);
    assert.is(entry('usr/bin/suid')?.uid, 12);
    assert.is(entry('caf\xe9')?.size, 1);
    assert.is(entry('opt/empty')?.mode, 0o700);
  });

test('attributes of a name that is not UTF-8 are in the manifest', async () => {
  using store = openStore();
  const path = join(store.scratch, 'odd.tar');
  writeFileSync(
    path,
    tarOf([
      { name: 'pax', type: 'x', data: '27 SCHILY.xattr.user.odd=1\n' },
      { name: 'caf\xe9', data: 'z' },
    ]),
  );
  const [layer] = await importLayer(store.ctx, path);
  assert.ok(layer);
  const { entries } = parseManifest(readManifest(store.ctx, layer), { file: 'x.lst' });
  assert.is(entries[1]?.path, 'caf\xe9');
  assert.equal(Buffer.from(entries[1]?.xattrs?.['user.odd'] ?? []), Buffer.from('1'));
});

test('bsdtar reads the manifest, and lists what showFiles does', async () => {
  using store = openStore();
  const tree = join(store.scratch, 'tree');
  mkdirSync(join(tree, 'usr/bin'), { recursive: true });
  writeFileSync(join(tree, 'usr/bin/x'), '');
  const [layer] = await importLayer(store.ctx, tree);
  assert.ok(layer);
  const listed = execFileSync('bsdtar', ['-tf', listPath(store.ctx, layer.image)], { encoding: 'utf8' });
  assert.equal(listed.trim().split('\n').sort(), ['.', './usr', './usr/bin', './usr/bin/x']);
  assert.equal(await showFiles(store.ctx, layer), ['/usr/', '/usr/bin/', '/usr/bin/x']);
});

test.run();
