import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Entry, parseManifest, printManifest } from '../../src/formats/index.ts';
import { importLayer, type Layer, listPath, readManifest, removeLayer } from '../../src/layer/index.ts';
import { openStoreOwners, ownersInStore } from '../../src/ownership/index.ts';
import { manifestPaths } from '../../src/ownership/path-index/manifest-paths.ts';
import { openStore, refusal, type TestStore } from '../layer/store.ts';

/** Below this many entries no index is made: never, or at once. */
const never = Number.POSITIVE_INFINITY;
const atOnce = 0;

async function importTree(
  { ctx, scratch }: TestStore,
  name: string,
  files: Readonly<Record<string, string>>,
  prepare: (tree: string) => void = () => {},
): Promise<Layer> {
  const tree = join(scratch, name);
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(tree, path, '..'), { recursive: true });
    writeFileSync(join(tree, path), content);
  }
  prepare(tree);
  const [layer] = await importLayer(ctx, tree, { name, version: '1' });
  if (!layer) throw new Error('nothing was imported');
  return layer;
}

const indexFile = ({ ctx }: TestStore) => join(ctx.paths.state, 'index/paths');

async function answers(store: TestStore, path: string, enough: number): Promise<string[]> {
  using owners = await openStoreOwners(store.ctx, enough);
  return owners.lookup(path).map(({ layer, version }) => `${layer}=${version}`);
}

test('with an index and without one the answers are the same, for each path of each layer', async () => {
  using store = openStore();
  const bringing = [
    await importTree(store, 'web', { 'usr/bin/web': 'web\n', 'usr/share/x': 'x\n' }),
    await importTree(store, 'odd', { 'usr/share/x': 'y\n', 'usr/a b#*?[\\\n': '' }, tree => {
      writeFileSync(Buffer.from(`${tree}/usr/\xff\xfe`, 'latin1'), '');
    }),
  ];
  const paths = new Set(
    bringing.flatMap(layer =>
      parseManifest(readManifest(store.ctx, layer), { file: layer.image }).entries.map(({ path }) => path),
    ),
  );
  assert.ok(paths.has('usr/\xff\xfe'));
  for (const path of [...paths, 'usr/nothing', 'usr/bin/web/below'])
    assert.equal(await answers(store, path, atOnce), await answers(store, path, never), path);
  assert.equal(await answers(store, 'usr/share/x', atOnce), ['odd=1', 'web=1']);
  assert.equal(await ownersInStore(store.ctx, 'usr/bin/web'), [{ layer: 'web', version: '1' }]);
});

test('what a manifest brings are all its paths but the whiteouts, of either form', () => {
  using store = openStore();
  const list = join(store.scratch, 'x.lst');
  const owned = { mode: 0o644, uid: 0, gid: 0 };
  const empty = { type: 'file', ...owned, size: 0, sha256: 'a'.repeat(64) } as const;
  const long = 'x'.repeat(200);
  const many = Array.from({ length: 3000 }, (_, n): Entry => ({ ...empty, path: `${long}${n}` }));
  const text = printManifest({
    header: {
      ...{ package: 'x', version: '1', stamp: 'r26.11-G22095100', image: 'x-v1-r26.11-G22095100.img' },
      ...{ size: 1, sha256: 'a'.repeat(64) },
    },
    entries: [
      { path: '', type: 'dir', ...owned },
      { path: 'gone', type: 'char', ...owned, device: { major: 0, minor: 0 } },
      { ...empty, path: 'gone too', xattrs: { 'trusted.overlay.whiteout': Buffer.alloc(0) } },
      { ...empty, path: 'kept', xattrs: { 'user.x': Buffer.from('trusted.overlay.whiteout=') } },
      { path: 'null', type: 'char', ...owned, device: { major: 1, minor: 3 } },
      { ...empty, path: 'trusted.overlay.whiteout=', xattrs: { 'user.x': Buffer.alloc(0) } },
      ...many,
    ],
  });
  writeFileSync(list, text);
  const digest = createHash('sha256').update(text).digest('hex');
  const brought = many.map(({ path }) => path).sort();
  assert.equal(
    [...manifestPaths(list, digest)],
    ['', 'kept', 'null', 'trusted.overlay.whiteout=', ...brought],
  );
});

test('a small store needs no index', async () => {
  using store = openStore();
  await importTree(store, 'web', { 'usr/bin/web': 'web\n' });
  await ownersInStore(store.ctx, 'usr/bin/web');
  assert.not.ok(readdirSync(store.ctx.paths.state).includes('index'));
});

test('an index of another set of layers is built anew, one of the same is used as it is', async () => {
  using store = openStore();
  await importTree(store, 'web', { 'usr/bin/web': 'web\n' });
  assert.equal(await answers(store, 'usr/bin/new', atOnce), []);
  const first = readFileSync(indexFile(store));
  assert.equal(await answers(store, 'usr/bin/web', atOnce), ['web=1']);
  assert.ok(readFileSync(indexFile(store)).equals(first));
  await importTree(store, 'new', { 'usr/bin/new': 'new\n' });
  assert.equal(await answers(store, 'usr/bin/new', atOnce), ['new=1']);
  await removeLayer(store.ctx, 'web', { inUse: () => null });
  assert.equal(await answers(store, 'usr/bin/web', atOnce), []);
  assert.equal(await answers(store, 'usr/bin/new', atOnce), ['new=1']);
});

test('a damaged index is built anew', async () => {
  using store = openStore();
  await importTree(store, 'web', { 'usr/bin/web': 'web\n' });
  await answers(store, 'usr', atOnce);
  for (const damage of ['', 'x'.repeat(200)]) {
    writeFileSync(indexFile(store), damage);
    assert.equal(await answers(store, 'usr/bin/web', atOnce), ['web=1']);
    assert.is.not(readFileSync(indexFile(store), 'latin1'), damage);
  }
});

test('where no index can be built the manifests answer', async () => {
  using store = openStore();
  await importTree(store, 'web', { 'usr/bin/web': 'web\n' });
  writeFileSync(join(store.ctx.paths.state, 'index'), 'in the way');
  assert.equal(await answers(store, 'usr/bin/web', atOnce), ['web=1']);
  rmSync(join(store.ctx.paths.state, 'index'));

  // Another process builds.
  mkdirSync(join(store.ctx.paths.state, 'index'));
  const lock = join(store.ctx.paths.state, 'index/lock');
  const builder = spawn('flock', ['--exclusive', lock, 'sh', '-c', 'echo held; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  try {
    await once(builder.stdout, 'data');
    assert.equal(await answers(store, 'usr/bin/web', atOnce), ['web=1']);
    assert.equal(readdirSync(join(store.ctx.paths.state, 'index')), ['lock']);
  } finally {
    process.kill(-(builder.pid ?? 0), 'SIGKILL');
    await once(builder, 'close');
  }
  assert.equal(await answers(store, 'usr/bin/web', atOnce), ['web=1']);
  assert.equal(readdirSync(join(store.ctx.paths.state, 'index')).sort(), ['lock', 'paths']);
});

test('no index is made of a manifest that was changed, cut or is gone', async () => {
  using store = openStore();
  const layer = await importTree(store, 'web', { 'usr/bin/web': 'web\n' });
  const list = listPath(store.ctx, layer.image);
  const good = readFileSync(list);
  chmodSync(list, 0o644);
  const refused = async (code: string) => {
    assert.is(
      (await refusal(openStoreOwners(store.ctx, atOnce).then(owners => owners.lookup('usr')))).code,
      code,
    );
    assert.not.ok(readdirSync(join(store.ctx.paths.state, 'index')).includes('paths'));
  };
  writeFileSync(list, good.toString('latin1').replace('./usr/bin/web ', './usr/bin/wab '), 'latin1');
  await refused('image-changed');
  writeFileSync(list, good.subarray(0, -1));
  await refused('image-invalid');
  writeFileSync(list, `${'x'.repeat(300_000)}\n`);
  await refused('image-invalid');
  rmSync(list);
  await refused('layer-missing');
});

test.run();
