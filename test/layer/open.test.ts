import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/error/index.ts';
import {
  importLayer,
  type Layer,
  listLayers,
  openVerified,
  openVerifiedSync,
  sameIdentity,
  verifyLayers,
} from '../../src/layer/index.ts';
import { openStore, type TestStore } from './store.ts';

async function stored(store: TestStore): Promise<{ layer: Layer; path: string }> {
  const tree = join(store.scratch, 'tree');
  mkdirSync(tree);
  writeFileSync(join(tree, 'file'), Buffer.alloc(50_000, 'abc'));
  const [layer] = await importLayer(store.ctx, tree, { name: 'web' });
  assert.ok(layer);
  return { layer, path: join(store.ctx.paths.layers, layer.image) };
}

function writeByte(path: string): void {
  chmodSync(path, 0o644);
  const fd = openSync(path, 'r+');
  writeSync(fd, Buffer.from([readFileSync(path).at(-1) === 0 ? 1 : 0]), 0, 1, readFileSync(path).length - 1);
  closeSync(fd);
  chmodSync(path, 0o444);
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    assert.instance(error, NanolinError);
    assert.match((error as NanolinError).message, /web/);
    return (error as NanolinError).code;
  }
  return 'opened';
}

test('an untouched image is opened without being read', async () => {
  const reads: string[] = [];
  using store = openStore({ progress: ({ task }) => reads.push(task) });
  const { layer } = await stored(store);
  reads.length = 0;
  using image = openVerifiedSync(store.ctx, layer);
  assert.ok(sameIdentity(image.fd, image.identity));
  assert.is(image.format, 'erofs');
  assert.is(image.size, layer.size);
  assert.equal(reads, []);
});

const changes: readonly [string, (path: string, store: TestStore) => void, string][] = [
  ['39: one bit of the last block flipped', path => writeByte(path), 'image-changed'],
  [
    '42: swapped by rename for another file',
    (path, store) => {
      const other = join(store.scratch, 'other');
      copyFileSync(path, other);
      writeByte(other);
      renameSync(other, path);
    },
    'image-changed',
  ],
  [
    '43: a symlink in its place',
    (path, store) => {
      renameSync(path, join(store.scratch, 'moved'));
      symlinkSync(join(store.scratch, 'moved'), path);
    },
    'image-changed',
  ],
  ['writable', path => chmodSync(path, 0o644), 'image-changed'],
  ["not root's", path => chownSync(path, 1234, 0), 'image-changed'],
  ['gone', path => unlinkSync(path), 'layer-missing'],
  ['only touched: hashed again, the same, opened', path => utimesSync(path, 1, 1), 'opened'],
  [
    'copied back from a backup: the same',
    (path, store) => {
      copyFileSync(path, join(store.scratch, 'backup'));
      unlinkSync(path);
      copyFileSync(join(store.scratch, 'backup'), path);
      chmodSync(path, 0o444);
    },
    'opened',
  ],
];

for (const [name, change, expected] of changes)
  test(name, async () => {
    using store = openStore();
    const { layer, path } = await stored(store);
    change(path, store);
    const async = openVerified(store.ctx, layer).then(
      image => {
        image[Symbol.dispose]();
        return 'opened';
      },
      (error: NanolinError) => error.code,
    );
    assert.is(await async, expected);
    assert.is(
      codeOf(() => openVerifiedSync(store.ctx, layer)[Symbol.dispose]()),
      expected,
    );
    const [verdict] = await verifyLayers(store.ctx, ['web']);
    assert.is(verdict?.ok, expected === 'opened');
  });

test('after a touch the record is renewed: the next time nothing is read', async () => {
  const reads: string[] = [];
  using store = openStore({ progress: ({ task }) => reads.push(task) });
  const { layer, path } = await stored(store);
  utimesSync(path, 1, 1);
  openVerifiedSync(store.ctx, layer)[Symbol.dispose]();
  assert.ok(reads.includes('verify'));
  reads.length = 0;
  openVerifiedSync(store.ctx, layer)[Symbol.dispose]();
  assert.equal(reads, []);
});

test('42: open for writing by a descriptor from before, and written through it between check and mount', async () => {
  using store = openStore();
  const { layer, path } = await stored(store);
  chmodSync(path, 0o644);
  const writer = openSync(path, 'r+');
  chmodSync(path, 0o444);
  assert.is(
    codeOf(() => openVerifiedSync(store.ctx, layer)),
    'image-changed',
  );
  closeSync(writer);
  using image = openVerifiedSync(store.ctx, layer);
  writeByte(path);
  assert.not.ok(sameIdentity(image.fd, image.identity));
});

test('imported again with other content: the digest that a generation remembers is what counts', async () => {
  using store = openStore();
  const { layer } = await stored(store);
  assert.is(
    codeOf(() => openVerifiedSync(store.ctx, { ...layer, digest: '0'.repeat(64) })),
    'image-changed',
  );
  assert.is(
    codeOf(() => openVerifiedSync(store.ctx, { ...layer, image: 'web-v9-r26.01-G01000000.img' })),
    'layer-missing',
  );
});

test('a changed manifest is seen by verify', async () => {
  using store = openStore();
  const { path } = await stored(store);
  writeByte(path.replace(/img$/, 'lst'));
  const [verdict] = await verifyLayers(store.ctx, []);
  assert.match(verdict?.message ?? '', /manifest of web/);
  assert.is((await listLayers(store.ctx)).length, 1);
});

test.run();
