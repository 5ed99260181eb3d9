import { execFileSync } from 'node:child_process';
import { closeSync, linkSync, mkdirSync, openSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/error/index.ts';
import { native } from '../../src/kernel/index.ts';
import { type ErofsInode, readErofsInodes } from '../../src/layer/erofs-inodes.ts';
import { walkTree } from '../../src/layer/walk.ts';
import { openStore, type TestStore } from './store.ts';

const test = suite('inodes of an erofs image');

/** An image, and the tree that it is of. */
function plant({ scratch }: TestStore, ...flags: readonly string[]): { image: string; tree: string } {
  const [tree, image] = [join(scratch, 'tree'), join(scratch, 'image')];
  mkdirSync(join(tree, 'a/b'), { recursive: true });
  writeFileSync(join(tree, 'a/b/file'), 'x'.repeat(20_000), { mode: 0o4751 });
  linkSync(join(tree, 'a/b/file'), join(tree, 'a/linked'));
  symlinkSync('b/file', join(tree, 'a/link'));
  mkdirSync(join(tree, 'many'));
  // Several blocks of names, so that some lie in blocks and the last ones behind the inode.
  for (let i = 0; i < 700; i++) writeFileSync(join(tree, `many/${'name'.repeat(5)}${i}`), '');
  for (const [path, name, value] of [
    ['a', 'user.short', 'v'],
    ['a/b', 'user.short', 'v'],
    ['a/b/file', 'security.capability', '\x01\0\0\x02\0 \0\0\0\0\0\0\0\0\0\0\0\0\0\0'],
    ['many', 'trusted.long', 'l'.repeat(2000)],
  ] as const)
    native.lsetxattr(join(tree, path), name, Buffer.from(value, 'latin1'));
  execFileSync('mkfs.erofs', ['--quiet', ...flags, image, tree]);
  return { image, tree };
}

function read(image: string, bytes = readFileSync(image)): ErofsInode[] {
  writeFileSync(image, bytes);
  const fd = openSync(image, 'r');
  try {
    return readErofsInodes(fd, bytes.length);
  } finally {
    closeSync(fd);
  }
}

for (const flags of [[], ['-zlz4hc'], ['-Eforce-inode-extended'], ['-x0']])
  test(`are what the files were: mkfs.erofs ${flags.join(' ')}`, async () => {
    using store = openStore();
    const { image, tree } = plant(store, ...flags);
    const plain = (entries: readonly { path: string }[]) => entries.map(({ path }) => path).sort();
    const found = read(image);
    const wanted = await walkTree(store.ctx, tree, 'tree');
    assert.equal(plain(found), plain(wanted));
    const inodes = new Map(found.map(inode => [inode.path, inode]));
    for (const { path, type, mode, uid, gid, size, xattrs } of wanted) {
      const inode = inodes.get(path);
      assert.equal([inode?.type, inode?.mode, inode?.uid, inode?.gid], [type, mode, uid, gid], path);
      if (type === 'file') assert.is(inode?.size, size);
      assert.equal(describe(inode?.xattrs), describe(xattrs), path);
    }
    assert.is(inodes.get('a/linked')?.nid, inodes.get('a/b/file')?.nid);
  });

const describe = (xattrs: Readonly<Record<string, Uint8Array>> = {}) =>
  Object.entries(xattrs)
    .map(([name, value]) => `${name}=${Buffer.from(value).toString('hex')}`)
    .sort();

/** With the same length, so that the image stays what it is otherwise. */
const renamed = (bytes: Buffer, from: string, to: string) => {
  assert.is(from.length, to.length);
  const at = bytes.indexOf(from);
  assert.ok(at > 0);
  const changed = Buffer.from(bytes);
  changed.write(to, at, 'latin1');
  return changed;
};

test('names that lead elsewhere, and one name twice, are refused', () => {
  using store = openStore();
  const { image } = plant(store);
  const bytes = readFileSync(image);
  const last = `${'name'.repeat(5)}698`;
  for (const [to, why] of [
    [`../${'name'.repeat(5)}`, 'a name that leads elsewhere'],
    [`${'name'.repeat(5)}697`, 'one name twice'],
  ] as const)
    assert.throws(
      () => read(image, renamed(bytes, last, to.padEnd(last.length, 'x').slice(0, last.length))),
      (error: NanolinError) => error.code === 'image-hostile' && error.message.includes(why),
    );
});

test('a directory that holds itself is refused', () => {
  using store = openStore();
  const { image } = plant(store);
  const bytes = readFileSync(image);
  const found = read(image);
  const [inner, outer] = ['a/b', 'a'].map(path => found.find(inode => inode.path === path)?.nid ?? 0);
  const at = entryOf(bytes, inner ?? 0);
  bytes.writeBigUInt64LE(BigInt(outer ?? 0), at);
  assert.throws(
    () => read(image, bytes),
    (error: NanolinError) => error.code === 'image-hostile' && error.message.includes('twice'),
  );
});

/** The first directory entry for a nid: 8 bytes of it, an offset, and its type, a directory. */
function entryOf(bytes: Buffer, nid: number): number {
  const number = Buffer.alloc(8);
  number.writeBigUInt64LE(BigInt(nid));
  for (let at = bytes.indexOf(number, 1152); at >= 0; at = bytes.indexOf(number, at + 1))
    if (bytes[at + 10] === 2) return at;
  throw new Error('no entry has that number');
}

test('damage anywhere is an error of ours or none, in bounded time', () => {
  using store = openStore();
  const { image } = plant(store, '-x0');
  const whole = readFileSync(image);
  let seed = 20;
  const random = (below: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed % below;
  };
  let refused = 0;
  for (let round = 0; round < 400; round++) {
    const bytes = Buffer.from(whole);
    for (let n = 0; n < 40; n++) bytes[1024 + random(Math.min(bytes.length, 24_000) - 1024)] = random(256);
    try {
      read(image, bytes);
    } catch (error) {
      if (!(error instanceof NanolinError)) throw error;
      refused++;
    }
  }
  assert.ok(refused > 20, `${refused} of 400 were refused`);
});

test.run();
