import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importLayer, listLayers } from '../../src/layer/index.ts';
import { openStore, refusal } from '../layer/store.ts';
import { type Member, tarOf } from '../layer/tar.ts';

const witness = join('/tmp', `nanolin-escaped-${process.pid}`);
const deep = (depth: number) => Array.from({ length: depth }, () => 'd').join('/');

const refused: readonly { row: string; members: readonly Member[]; says: RegExp; code?: string }[] = [
  { row: '22 ..', members: [{ name: '../x' }], says: /"\.\.\/x" leaves the tree/ },
  { row: '22 .. inside', members: [{ name: 'a/../../x' }], says: /leaves the tree/ },
  {
    row: '23 through a symlink',
    members: [{ name: 'a', type: '2', link: '/tmp' }, { name: `a/${witness.slice(5)}` }],
    says: /goes through "a", which is a symbolic link/,
  },
  {
    row: '23 a symlink over a directory',
    members: [{ name: 'a/b' }, { name: 'a', type: '2', link: '/tmp' }],
    says: /"a" comes twice/,
  },
  {
    row: '23 through a file',
    members: [{ name: 'a' }, { name: 'a/b' }],
    says: /goes through "a", which is a file/,
  },
  {
    row: '24 hard link outside',
    members: [{ name: 'a', type: '1', link: '/etc/shadow' }],
    says: /hard link to "etc\/shadow", which the archive does not hold/,
  },
  {
    row: '24 hard link upwards',
    members: [{ name: 'a', type: '1', link: '../../etc/shadow' }],
    says: /leaves the tree/,
  },
  {
    row: '24 hard link through a symlink',
    members: [
      { name: 's', type: '2', link: '/etc' },
      { name: 'a', type: '1', link: 's/shadow' },
    ],
    says: /does not hold/,
  },
  { row: '25 character device', members: [{ name: 'a', type: '3' }], says: /"a" is a character device/ },
  { row: '25 block device', members: [{ name: 'a', type: '4' }], says: /"a" is a block device/ },
  { row: '25 FIFO', members: [{ name: 'a', type: '6' }], says: /"a" is a FIFO/ },
  {
    row: '28 one name twice',
    members: [
      { name: 'a', data: '1' },
      { name: './/a', data: '2' },
    ],
    says: /"a" comes twice/,
  },
  {
    row: '29 a name of 256 bytes',
    members: [
      { name: 'n'.repeat(99) },
      { name: `././@LongLink`, type: 'L', data: `${'n'.repeat(256)}\0` },
      { name: 'n' },
    ],
    says: /longer than 255 bytes/,
  },
  {
    row: '50 too deep',
    members: [{ name: '././@LongLink', type: 'L', data: `${deep(201)}\0` }, { name: 'x' }],
    says: /more than 200 directories deep/,
  },
  {
    row: '27 cut short',
    members: [{ name: 'a', data: 'x', size: 4096 }],
    says: /cannot be read|ends inside/,
    code: 'source-unreadable',
  },
];

for (const { row, members, says, code = 'image-hostile' } of refused)
  test(`archive ${row}: refused, and nothing is left`, async () => {
    using store = openStore();
    const path = join(store.scratch, 'x.tar');
    writeFileSync(path, tarOf(members));
    const error = await refusal(importLayer(store.ctx, path));
    assert.match(error.message, says);
    assert.is(error.code, code);
    assert.equal(readdirSync(store.ctx.paths.tmp), []);
    assert.equal(await listLayers(store.ctx), []);
    assert.not.ok(existsSync(witness));
  });

test('archive 22: absolute names become relative', async () => {
  using store = openStore();
  const path = join(store.scratch, 'abs-1.0.tar');
  writeFileSync(
    path,
    tarOf([
      { name: witness, data: 'x' },
      { name: '/tmp/link', type: '1', link: witness },
    ]),
  );
  const [layer] = await importLayer(store.ctx, path);
  assert.is(layer?.files, 4);
  assert.not.ok(existsSync(witness));
});

test('archive 26: a bomb is stopped by what it says it holds', async () => {
  using store = openStore();
  const path = join(store.scratch, 'bomb.tar.gz');
  const size = `20 size=${33 * 2 ** 30}\n`;
  writeFileSync(
    path,
    gzipSync(
      tarOf([
        { name: 'pax', type: 'x', data: size },
        { name: 'a', data: 'x'.repeat(100_000) },
      ]),
    ),
  );
  const error = await refusal(importLayer(store.ctx, path));
  assert.is(error.code, 'image-hostile');
  assert.match(error.message, /more than 34359738368 bytes/);
  assert.equal(readdirSync(store.ctx.paths.tmp), []);
});

test('archive 26: a million empty members stop at the limit of a directory', async () => {
  using store = openStore();
  const path = join(store.scratch, 'many.tar.gz');
  const members = Array.from({ length: 200_002 }, (_, i) => ({ name: `d/${i}`, type: '2', link: 'x' }));
  writeFileSync(path, gzipSync(tarOf(members), { level: 1 }));
  const error = await refusal(importLayer(store.ctx, path));
  assert.match(error.message, /more than 200000 names/);
  assert.equal(readdirSync(store.ctx.paths.tmp), []);
});

test('what is no archive is not given to libarchive', async () => {
  using store = openStore();
  const path = join(store.scratch, 'x.tar');
  // A zip: libarchive would read it.
  writeFileSync(path, Buffer.from('504b0506000000000000000000000000000000000000', 'hex'));
  assert.is((await refusal(importLayer(store.ctx, path))).code, 'image-invalid');
});

test.run();
