import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, chownSync, linkSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importLayer, listPath, readManifest } from '../../src/layer/index.ts';
import { needs } from '../needs.ts';
import { openStore, type TestStore } from './store.ts';

const withMounts = needs(test, process.getuid?.() === 0 ? null : 'root');

/** A package as Debian's tools make it: usual and unusual names, owners and modes, links of both kinds, a configuration file. */
function makeDeb(scratch: string): string {
  const tree = join(scratch, 'deb');
  const put = (path: string, content: string | Buffer, mode = 0o644) => {
    mkdirSync(join(tree, path, '..'), { recursive: true });
    writeFileSync(join(tree, path), content);
    chmodSync(join(tree, path), mode);
  };
  put(
    'DEBIAN/control',
    'Package: greet\nVersion: 1.2-3\nArchitecture: all\nMaintainer: a <a@b>\nDescription: says hello\n',
  );
  put('DEBIAN/conffiles', '/etc/greet.conf\n');
  put('etc/greet.conf', 'hello\n', 0o640);
  put('usr/bin/greet', Buffer.alloc(300_000, 'greet'), 0o755);
  put('usr/lib/greet/helper', 'helper\n', 0o2755);
  put('usr/share/doc/greet/empty', '');
  for (const name of ['a b', 'tab\t', 'glob*?[a]', 'back\\slash', '#hash', 'é日', 'equals=1', '..dots'])
    put(`usr/share/greet/${name}`, name);
  writeFileSync(Buffer.from(`${tree}/usr/share/greet/\xff\xfe\x80`, 'latin1'), 'bytes');
  linkSync(join(tree, 'usr/bin/greet'), join(tree, 'usr/bin/hello'));
  symlinkSync('../bin/gr eet \\#', join(tree, 'usr/lib/link'));
  chownSync(join(tree, 'etc/greet.conf'), 0, 42);
  chownSync(join(tree, 'usr/lib/greet'), 1234, 56_789);
  chmodSync(join(tree, 'usr/share/greet'), 0o1777);
  utimesSync(join(tree, 'usr/bin/greet'), 1e9, 1e9);
  const deb = join(scratch, 'greet_1.2-3_all.deb');
  execFileSync('dpkg-deb', ['--build', tree, deb], { stdio: ['ignore', 'ignore', 'inherit'] });
  return deb;
}

/** What mtree says about a mounted image, given its own manifest or another. */
async function verifyMounted(
  store: TestStore,
  format: 'erofs' | 'squashfs',
  other?: (list: string) => string,
) {
  const [layer] = await importLayer(store.ctx, makeDeb(store.scratch), { format });
  if (!layer) throw new Error('nothing was imported');
  const mounted = join(store.scratch, 'mounted');
  mkdirSync(mounted);
  execFileSync('mount', ['-t', format, '-o', 'ro,loop', join(store.ctx.paths.layers, layer.image), mounted]);
  try {
    const own = readManifest(store.ctx, layer).toString('latin1');
    const list = other ? join(store.scratch, 'other.lst') : listPath(store.ctx, layer.image);
    if (other) writeFileSync(list, other(own), 'latin1');
    const { stdout, stderr, status } = spawnSync('mtree', ['-p', mounted, '-f', list], {
      encoding: 'latin1',
    });
    return { entries: layer.files, own, stdout, stderr, status };
  } finally {
    execFileSync('umount', [mounted]);
  }
}

for (const format of ['erofs', 'squashfs'] as const)
  withMounts(
    `mtree verifies a mounted package of ${format} with the layer's manifest, and finds no difference`,
    async () => {
      using store = openStore();
      const { entries, own, stdout, stderr, status } = await verifyMounted(store, format);
      assert.equal([status, stdout, stderr], [0, '', '']);
      assert.ok(entries >= 20 && own.includes('nlink=2'), 'the package is in it');
    },
  );

withMounts('mtree finds one byte of content that the manifest does not tell of', async () => {
  using store = openStore();
  const { stdout, status } = await verifyMounted(store, 'erofs', list =>
    list.replace(/^(\.\/etc\/greet\.conf .* sha256=)../m, (_, before) => `${before}${'00'}`),
  );
  assert.is(status, 2, stdout);
  assert.match(stdout, 'etc/greet.conf');
});

test.run();
