import { execFileSync } from 'node:child_process';
import {
  constants,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { native } from '../../src/kernel/index.ts';
import { importLayer, listLayers } from '../../src/layer/index.ts';
import { openStore, refusal, type TestStore } from '../layer/store.ts';
import { tarOf } from '../layer/tar.ts';

type Format = 'erofs' | 'squashfs';
const formats = ['erofs', 'squashfs'] as const;

/** A sound image of a tree with these files, made by the stock program. */
function imageOf(store: TestStore, format: Format, plant: (tree: string) => void): string {
  const tree = join(store.scratch, 'tree');
  const image = join(store.scratch, `image-${format}.img`);
  mkdirSync(tree);
  plant(tree);
  if (format === 'erofs') execFileSync('mkfs.erofs', ['--quiet', image, tree]);
  else execFileSync('mksquashfs', [tree, image, '-quiet', '-no-progress', '-noappend']);
  return image;
}

function honest(tree: string): void {
  mkdirSync(join(tree, 'usr/bin'), { recursive: true });
  writeFileSync(join(tree, 'usr/bin/x'), 'x'.repeat(10_000));
}

function patch(path: string, at: number, bytes: string): void {
  const content = readFileSync(path);
  content.write(bytes, at, 'latin1');
  writeFileSync(path, content);
}

async function refused(
  store: TestStore,
  image: string,
  code: string,
  says: RegExp,
  options = { unsigned: true },
): Promise<void> {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  const error = await refusal(importLayer(store.ctx, image, options));
  assert.is(error.code, code, error.message);
  assert.match(error.message, says);
  assert.equal(await listLayers(store.ctx), []);
  assert.equal(readdirSync(store.ctx.paths.tmp), []);
  assert.is(readFileSync('/proc/self/mountinfo', 'utf8'), mounts);
}

for (const format of formats) {
  test(`${format}: an image that nobody signed is refused without consent, and kept as it is with it`, async () => {
    using store = openStore();
    const image = imageOf(store, format, honest);
    await refused(store, image, 'unsigned', /nobody signed/, { unsigned: false });
    const [layer] = await importLayer(store.ctx, image, { unsigned: true, name: 'x' });
    assert.is(layer?.trust, 'accepted');
    assert.is(layer?.format, format);
    assert.equal(readFileSync(join(store.ctx.paths.layers, layer?.image ?? '')), readFileSync(image));
  });

  test(`39 ${format}: truncated, extended, or with something behind the end`, async () => {
    using store = openStore();
    const image = imageOf(store, format, honest);
    const sound = readFileSync(image);
    truncateSync(image, sound.length - 4096);
    await refused(
      store,
      image,
      'image-invalid',
      format === 'squashfs' && sound.length === 4096 ? /not an erofs/ : /truncated|not an erofs/,
    );
    writeFileSync(image, Buffer.concat([sound, Buffer.alloc(8192)]));
    await refused(store, image, 'image-invalid', /goes on for/);
    writeFileSync(image, Buffer.concat([sound, Buffer.from('PK\x05\x06')]));
    await refused(
      store,
      image,
      'image-hostile',
      /between the end of its file system and the end of the file/,
    );
  });

  test(`45 ${format}: device nodes`, async () => {
    using store = openStore();
    const image = imageOf(store, format, tree =>
      native.mknod(join(tree, 'disk'), constants.S_IFBLK | 0o666, 8, 0),
    );
    await refused(store, image, 'image-hostile', /\/disk: it is a device node/);
  });

  test(`46 ${format}: a whiteout`, async () => {
    using store = openStore();
    const image = imageOf(store, format, tree => {
      mkdirSync(join(tree, 'etc'));
      native.mknod(join(tree, 'etc/passwd'), constants.S_IFCHR | 0o600, 0, 0);
    });
    await refused(store, image, 'image-hostile', /\/etc\/passwd: it is an overlay whiteout/);
  });

  const markers = [
    'trusted.overlay.opaque',
    'user.overlay.opaque',
    'trusted.overlay.metacopy',
    'trusted.overlay.redirect',
  ];
  for (const marker of markers)
    test(`46, 47 ${format}: ${marker}`, async () => {
      using store = openStore();
      const image = imageOf(store, format, tree => {
        mkdirSync(join(tree, 'usr'));
        native.lsetxattr(join(tree, 'usr'), marker, Buffer.from('y'));
      });
      await refused(
        store,
        image,
        'image-hostile',
        new RegExp(`/usr: it carries the overlay marker ${marker}`),
      );
    });

  test(`46 ${format}: an overlay marker on a name that is not UTF-8`, async () => {
    using store = openStore();
    const image = imageOf(store, format, tree => {
      const archive = join(store.scratch, 'odd.tar');
      const pax = '39 SCHILY.xattr.user.overlay.opaque=yy\n';
      writeFileSync(
        archive,
        tarOf([{ name: 'pax', type: 'x', data: pax }, { name: 'odd\xff', type: '5' }, { name: 'plain' }]),
      );
      execFileSync('bsdtar', ['-xpf', archive, '-C', tree, '--xattrs'], {
        env: { ...process.env, LC_ALL: 'C.UTF-8' },
      });
    });
    await refused(store, image, 'image-hostile', /overlay marker user.overlay.opaque/);
  });

  test(`50 ${format}: too deep, and too long a path`, async () => {
    using store = openStore();
    const image = imageOf(store, format, tree =>
      mkdirSync(join(tree, ...Array(201).fill('d')), { recursive: true }),
    );
    await refused(store, image, 'image-hostile', /more than 200 directories deep/);
  });

  test(`44 ${format}: setuid is listed`, async () => {
    using store = openStore();
    const image = imageOf(store, format, tree => writeFileSync(join(tree, 'su'), '', { mode: 0o755 }));
    const [layer] = await importLayer(store.ctx, image, { unsigned: true, name: 'x' });
    assert.is(layer?.files, 2);
  });
}

test('39 erofs: one bit of the superblock', async () => {
  using store = openStore();
  const image = imageOf(store, 'erofs', honest);
  const byte = readFileSync(image)[1024 + 40] ?? 0;
  patch(image, 1024 + 40, String.fromCharCode(byte ^ 1));
  await refused(store, image, 'image-invalid', /checksum of its erofs superblock is wrong/);
});

test('41: a fuzzed superblock never reaches mount', async () => {
  using store = openStore();
  const refusals: string[] = [];
  for (const format of formats) {
    const sound = readFileSync(imageOf(store, format, honest));
    execFileSync('rm', ['-r', join(store.scratch, 'tree')]);
    const at = format === 'erofs' ? 1024 : 0;
    const fuzzed = join(store.scratch, 'fuzzed.img');
    for (let i = 0; i < 60; i++) {
      const copy = Buffer.from(sound);
      // Deterministic, and inside the fields that a superblock has.
      copy.writeUInt8((copy[at + i] ?? 0) ^ 0xff, at + i);
      writeFileSync(fuzzed, copy);
      const result = await importLayer(store.ctx, fuzzed, { unsigned: true, name: `f${format}${i}` }).catch(
        error => error,
      );
      if (result instanceof Error) refusals.push((result as { code?: string }).code ?? result.stack ?? '');
    }
  }
  assert.ok(refusals.length >= 60, `${refusals.length} of 120`);
  assert.equal(
    [...new Set(refusals)].filter(code => code !== 'image-invalid' && code !== 'image-hostile'),
    [],
  );
  assert.equal(readdirSync(store.ctx.paths.tmp), []);
});

test('40: ext4, iso, a partition table, text, nothing at all', async () => {
  using store = openStore();
  const path = join(store.scratch, 'x.img');
  const disk = Buffer.alloc(256 * 1024);
  const cases: [string, (image: Buffer) => void, RegExp][] = [
    [
      'ext4',
      image => {
        image.writeUInt16LE(0xef53, 0x438);
        image.writeUInt32LE(2, 0x418);
        image.writeUInt32LE(1, 0x44c);
      },
      /an ext file system/,
    ],
    ['iso', image => image.write('\x01CD001', 0x8000, 'latin1'), /an iso9660 file system/],
    ['gpt', image => image.write('EFI PART', 512, 'latin1'), /has a partition table/],
    [
      'mbr',
      image => {
        image.writeUInt16LE(0xaa55, 510);
        image.writeUInt8(0x83, 450);
      },
      /has a partition table/,
    ],
    ['text', image => image.write('hello'), /not an erofs or squashfs/],
  ];
  for (const [, put, says] of cases) {
    const image = Buffer.from(disk);
    put(image);
    writeFileSync(path, image);
    await refused(store, path, 'image-invalid', says);
  }
  writeFileSync(path, '');
  await refused(store, path, 'image-invalid', /not an erofs or squashfs/);
});

test('40: a real ext4 image', async () => {
  using store = openStore();
  const path = join(store.scratch, 'real.img');
  writeFileSync(path, '');
  truncateSync(path, 2 ** 20);
  execFileSync('/sbin/mke2fs', ['-q', '-t', 'ext4', '-O', '^has_journal', path]);
  await refused(store, path, 'image-invalid', /it is an ext file system/);
});

test('40: polyglots, which two parsers would read as two file systems', async () => {
  using store = openStore();
  const erofs = imageOf(store, 'erofs', tree =>
    writeFileSync(join(tree, 'big'), Buffer.alloc(200_000, 'abc')),
  );
  for (const [at, bytes] of [
    [0x8000, '\x01CD001'],
    [0x10040, '_BHRfS_M'],
    [510, '\x55\xaa'],
    [0, 'hsqs'],
    [257, 'ustar'],
  ] as const) {
    const path = join(store.scratch, 'poly.img');
    copyFileSync(erofs, path);
    patch(path, at, bytes);
    await refused(store, path, 'image-hostile', /it is erofs, and .* as well/);
  }
});

test('43: a symlink to an image is taken once; a chain, a FIFO, a device and a directory of devices are not', async () => {
  using store = openStore();
  const image = imageOf(store, 'erofs', honest);
  const link = join(store.scratch, 'link-1.0.img');
  symlinkSync(image, link);
  const [layer] = await importLayer(store.ctx, link, { unsigned: true });
  assert.is(layer?.trust, 'accepted');

  using other = openStore();
  const chain = join(other.scratch, 'chain.img');
  symlinkSync(link, chain);
  await refused(other, chain, 'source-unreadable', /symlink to a symlink/);
  const fifo = join(other.scratch, 'fifo.img');
  execFileSync('mkfifo', [fifo]);
  await refused(other, fifo, 'source-unreadable', /neither a regular file nor a directory/);
  await refused(other, '/dev/zero', 'source-unreadable', /neither a regular file nor a directory/);
  await refused(other, join(other.scratch, 'none.img'), 'source-missing', /does not exist/);
});

test('50: a sparse file of terabytes is judged by its size, not read', async () => {
  using store = openStore();
  const image = imageOf(store, 'erofs', honest);
  truncateSync(image, 2 ** 43);
  await refused(store, image, 'source-unreadable', /more than the 34359738368/);
});

test('50: one directory of very many names', async () => {
  using store = openStore();
  const image = imageOf(store, 'erofs', tree => {
    mkdirSync(join(tree, 'd'));
    for (let i = 0; i <= 200_000; i++) symlinkSync('x', join(tree, 'd', String(i)));
  });
  await refused(store, image, 'image-hostile', /\/d: the directory has more than 200000 names/);
});

test('a damaged inside is found by the walk', async () => {
  using store = openStore();
  const image = imageOf(store, 'squashfs', honest);
  const bytes = readFileSync(image);
  const inodes = Number(bytes.readBigUInt64LE(64));
  bytes.fill(0xff, inodes, inodes + 64);
  writeFileSync(image, bytes);
  await refused(store, image, 'image-invalid', new RegExp(`${dirname(image)}.*(damaged|does not mount)`));
});

test.run();
