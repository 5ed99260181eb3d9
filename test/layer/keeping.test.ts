import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { native } from '../../src/kernel/index.ts';
import {
  findLayer,
  importLayer,
  type Layer,
  listLayers,
  openVerifiedSync,
  recoverImports,
  removeLayer,
  unknownImages,
} from '../../src/layer/index.ts';
import { openStore, refusal, type TestStore } from './store.ts';

const free = { inUse: () => null };

async function put(store: TestStore, name: string, version = '1', content = name): Promise<Layer> {
  const tree = join(store.scratch, `${name}-${version}`);
  mkdirSync(tree, { recursive: true });
  writeFileSync(join(tree, 'file'), content);
  const [layer] = await importLayer(store.ctx, tree, { name, version });
  assert.ok(layer);
  return layer;
}

test('a query finds the highest version, then the latest stamp', async () => {
  let hour = 10;
  using store = openStore({ now: () => new Date(Date.UTC(2026, 10, 22, hour)) });
  await put(store, 'jq', '1.10');
  hour = 9;
  await put(store, 'jq', '1.9');
  await put(store, 'jq', '1.10', 'older');
  const stamp = async (query: string) => (await findLayer(store.ctx, query)).image;
  assert.is(await stamp('jq'), 'jq-v1.10-r26.11-G22100000.img');
  assert.is(await stamp('jq<1.10'), 'jq-v1.9-r26.11-G22090000.img');
  assert.is(await stamp('jq-v1.10-r26.11-G22090000.img'), 'jq-v1.10-r26.11-G22090000.img');
  assert.is(
    await stamp(join(store.ctx.paths.layers, 'jq-v1.9-r26.11-G22090000.img')),
    'jq-v1.9-r26.11-G22090000.img',
  );
  assert.is((await refusal(findLayer(store.ctx, 'jq>=2'))).code, 'layer-missing');
  assert.is(
    (await refusal(findLayer(store.ctx, '/elsewhere/jq-v1.9-r26.11-G22090000.img'))).code,
    'layer-missing',
  );
  assert.equal(
    (await listLayers(store.ctx)).map(({ version, stamp }) => `${version} ${stamp.slice(-6)}`),
    ['1.9 090000', '1.10 090000', '1.10 100000'],
  );
});

test("stored files are root's, read-only, and nothing else is left behind", async () => {
  using store = openStore();
  await put(store, 'a');
  const modes = execFileSync(
    'stat',
    ['-c', '%n %u %g %a %h', ...readdirSync(store.ctx.paths.layers).sort()],
    { cwd: store.ctx.paths.layers, encoding: 'utf8' },
  );
  assert.is(modes, 'a-v1-r26.11-G22100000.img 0 0 444 1\na-v1-r26.11-G22100000.lst 0 0 444 1\n');
  assert.equal(readdirSync(store.ctx.paths.tmp), []);
});

test('remove: refused while in use or when several answer, else both files and the record go', async () => {
  using store = openStore();
  const one = await put(store, 'a', '1');
  await put(store, 'a', '2');
  assert.is((await refusal(removeLayer(store.ctx, 'a', free))).code, 'usage');
  const used = await refusal(
    removeLayer(store.ctx, 'a=1', { inUse: image => (image === one.image ? 'generation 3' : null) }),
  );
  assert.is(used.code, 'layer-in-use');
  assert.match(used.message, /generation 3/);
  assert.is((await removeLayer(store.ctx, 'a=1', free)).image, one.image);
  assert.equal(
    (await listLayers(store.ctx)).map(({ version }) => version),
    ['2'],
  );
  assert.equal(readdirSync(store.ctx.paths.layers).length, 2);
});

test('without its record an image is unknown, is not used, is kept by recover, and can be imported again', async () => {
  using store = openStore();
  process.env.SOURCE_DATE_EPOCH = '1700000000';
  try {
    const layer = await put(store, 'a');
    rmSync(join(store.ctx.paths.state, 'layers.json'));
    assert.equal(await listLayers(store.ctx), []);
    assert.equal(unknownImages(store.ctx), [layer.image]);
    assert.throws(() => openVerifiedSync(store.ctx, layer), /not on record/);
    assert.equal(await recoverImports(store.ctx), []);
    assert.ok(existsSync(join(store.ctx.paths.layers, layer.image)));
    assert.is((await put(store, 'a')).digest, layer.digest);
    assert.equal(unknownImages(store.ctx), []);
  } finally {
    delete process.env.SOURCE_DATE_EPOCH;
  }
});

/** A process that imports, or removes, and kills itself at a boundary. */
function dieAt(store: TestStore, point: string, act: string): void {
  const script = `
    import { importLayer, removeLayer } from ${JSON.stringify(new URL('../../src/layer/index.ts', import.meta.url).href)};
    import { pathsBelow } from ${JSON.stringify(new URL('../../src/state/index.ts', import.meta.url).href)};
    const ctx = { paths: pathsBelow(${JSON.stringify(store.ctx.paths.root)}), log: { debug() {}, info() {}, warn() {} },
      now: () => new Date('2026-11-22T10:00:00Z'), signal: new AbortController().signal, progress() {}, forced: new Set(),
      at: point => { if (point === ${JSON.stringify(point)}) process.kill(process.pid, 'SIGKILL'); } };
    await (${act});`;
  try {
    execFileSync(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script], {
      stdio: 'pipe',
    });
  } catch (error) {
    assert.is(
      (error as { signal?: string }).signal,
      'SIGKILL',
      String((error as { stderr?: Buffer }).stderr),
    );
    return;
  }
  throw new Error(`${point} was never reached`);
}

for (const point of [
  'import:unpacked',
  'import:walked',
  'import:image',
  'import:announced',
  'import:linked',
  'import:stored',
  'import:indexed',
])
  test(`killed at ${point}: recover clears it away and the import can be made again`, async () => {
    using store = openStore();
    const tree = join(store.scratch, 'a-1');
    mkdirSync(tree);
    writeFileSync(join(tree, 'file'), 'a');
    dieAt(store, point, `importLayer(ctx, ${JSON.stringify(tree)}, { name: 'a', version: '1' })`);
    assert.is((await recoverImports(store.ctx)).length, 1);
    assert.equal(readdirSync(store.ctx.paths.tmp), []);
    assert.equal(unknownImages(store.ctx), []);
    const before = await listLayers(store.ctx);
    assert.is(before.length, point === 'import:indexed' ? 1 : 0);
    const layer = await put(store, 'a');
    openVerifiedSync(store.ctx, layer)[Symbol.dispose]();
    assert.equal(readdirSync(store.ctx.paths.layers).sort(), [
      'a-v1-r26.11-G22100000.img',
      'a-v1-r26.11-G22100000.lst',
    ]);
  });

for (const point of ['remove:announced', 'remove:unrecorded'])
  test(`killed at ${point}: the layer is whole or gone`, async () => {
    using store = openStore();
    const layer = await put(store, 'a');
    dieAt(store, point, `removeLayer(ctx, 'a', { inUse: () => null })`);
    await recoverImports(store.ctx);
    const there = point === 'remove:announced';
    assert.is((await listLayers(store.ctx)).length, there ? 1 : 0);
    assert.is(readdirSync(store.ctx.paths.layers).length, there ? 2 : 0);
    if (there) openVerifiedSync(store.ctx, layer)[Symbol.dispose]();
  });

test('an error at any boundary leaves nothing', async () => {
  for (const point of [
    'import:unpacked',
    'import:walked',
    'import:image',
    'import:announced',
    'import:linked',
    'import:stored',
  ]) {
    const at = (now: string) => {
      if (now === point) throw Object.assign(new Error(`ENOSPC at ${point}`), { code: 'ENOSPC' });
    };
    using store = openStore({ at });
    assert.is((await refusal(put(store, 'a'))).code, 'no-space');
    assert.equal(readdirSync(store.ctx.paths.tmp), []);
    assert.equal(existsSync(store.ctx.paths.layers) ? readdirSync(store.ctx.paths.layers) : [], []);
  }
});

test('a disk that is full, wherever it fills up', async () => {
  using store = openStore();
  const disk = join(store.scratch, 'disk');
  const tree = join(store.scratch, 'big');
  mkdirSync(disk);
  mkdirSync(tree);
  for (let i = 0; i < 40; i++)
    writeFileSync(join(tree, `f${i}`), execFileSync('head', ['-c', '100000', '/dev/urandom']));
  // The tree takes 4 MB, its image 4 MB more, and then there is the record.
  for (const size of ['1m', '3m', '5m', '6m', '7m']) {
    native.mount('tmpfs', disk, 'tmpfs', 0, `size=${size}`);
    try {
      using full = openStore({ under: disk });
      const error = await refusal(importLayer(full.ctx, tree));
      assert.is(error.code, 'no-space', `${size}: ${error.message}`);
      assert.equal(readdirSync(full.ctx.paths.tmp), []);
      assert.equal(existsSync(full.ctx.paths.layers) ? readdirSync(full.ctx.paths.layers) : [], []);
    } finally {
      native.umount2(disk, 2);
    }
  }
});

test('a cancelled import leaves nothing', async () => {
  const cancel = new AbortController();
  using store = openStore({
    signal: cancel.signal,
    at: point => {
      if (point === 'import:walked') cancel.abort();
    },
  });
  assert.is((await refusal(put(store, 'a'))).code, 'cancelled');
  assert.equal(readdirSync(store.ctx.paths.tmp), []);
});

test('a manifest without an image goes, an image that was dropped in by hand is only named', async () => {
  using store = openStore();
  const { image } = await put(store, 'a');
  const at = (name: string) => join(store.ctx.paths.layers, name);
  copyFileSync(at(image), at('b-v1-r26.11-G22100000.img'));
  writeFileSync(at('c-v1-r26.11-G22100000.lst'), '');
  chmodSync(at('c-v1-r26.11-G22100000.lst'), 0o444);
  assert.equal(await recoverImports(store.ctx), ['c-v1-r26.11-G22100000.lst had no image and was removed']);
  assert.equal(unknownImages(store.ctx), ['b-v1-r26.11-G22100000.img']);
  assert.equal(readFileSync(at(image)), readFileSync(at('b-v1-r26.11-G22100000.img')));
});

test.run();
