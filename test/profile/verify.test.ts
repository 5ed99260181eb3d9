import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { VerifyReport } from '../../src/index.ts';
import { makeWorld, type World, writeFiles } from '../contract/world.ts';
import { needs } from '../needs.ts';

const inStacks = needs(test, process.getuid?.() === 0 ? null : 'root, to mount');

const brief = ({ local }: VerifyReport) =>
  local
    .map(({ target, path, kind, of }) => `${kind} ${path.slice(target.length)} ${of?.layer ?? '-'}`)
    .sort();

inStacks('what was done in a writable stack is told by kind and by whose it was', async () => {
  await using world = await makeWorld();
  const usr = world.directory('usr', { base: 'base', 'dir/base': 'base' });
  const etc = world.directory('etc', { base: 'base' });
  await world.layer('one', {
    'usr/one': 'one',
    'usr/two': 'one',
    'usr/sub/a': '',
    'usr/gone': '',
    'usr/touched': 'a',
  });
  await world.layer('two', { 'usr/two': 'two', 'usr/mode': 'two', 'usr/tree/b': '' });
  world.profile(
    'p',
    `TARGETS ${usr} from=/usr`,
    `TARGETS ${etc} from=/etc`,
    'ENABLES one two',
    'WRITING persist',
  );
  const nanolin = await world.open();
  assert.equal(await nanolin.verify(), { local: [], layers: [] });
  await nanolin.profile.switch('p');
  assert.equal(await nanolin.verify(), { local: [], layers: [] });

  writeFileSync(join(usr, 'two'), 'changed');
  writeFileSync(join(usr, 'base'), 'changed');
  writeFileSync(join(usr, 'touched'), 'a');
  writeFiles(usr, { 'new/file': 'new', 'sub/c': 'c' });
  chmodSync(join(usr, 'mode'), 0o700);
  rmSync(join(usr, 'gone'));
  rmSync(join(usr, 'tree'), { recursive: true });
  mkdirSync(join(usr, 'tree'));
  rmSync(join(usr, 'dir'), { recursive: true });
  symlinkSync('tree', join(usr, 'dir'));
  writeFileSync(join(etc, 'base'), 'changed');
  assert.equal(brief(await nanolin.verify()), [
    'added /new -',
    'added /new/file -',
    'added /sub/c -',
    'attributes /mode two',
    'changed /base base',
    'changed /base base',
    'changed /two two',
    'deleted /gone one',
    'masks /dir base',
    'masks /tree two',
  ]);
  assert.equal(brief(await nanolin.verify(['one'])), ['deleted /gone one']);

  // What was deleted is masked as soon as no layer brings it any more.
  await nanolin.disable(['one']);
  assert.ok(brief(await nanolin.verify()).includes('masks /gone -'));
  const error = await nanolin.verify(['three']).catch(thrown => thrown);
  assert.is(error.code, 'layer-missing');
});

inStacks('--deep compares layers with their manifests, both ways, and says how far it is', async () => {
  await using world = await makeWorld();
  const usr = world.directory('usr', { base: 'base' });
  const big = 'x'.repeat(9 * 1024 * 1024);
  await world.layer('one', { same: 'same', content: '1', more: 'long', big, extra: '', type: '', mode: '' });
  await world.layer('squash', { file: 'file' }, { format: 'squashfs' });
  world.profile('p', `TARGETS ${usr} from=/`, 'ENABLES one squash');
  const told: [number | undefined, number | undefined][] = [];
  const nanolin = await world.open({
    progress: ({ task, done, total }) => task === 'verify' && told.push([done, total]),
  });
  await nanolin.profile.switch('p');
  assert.equal(
    (await nanolin.verify([], { deep: true })).layers.map(({ layer, ok, differences }) => [
      layer,
      ok,
      differences,
    ]),
    [
      ['squash', true, []],
      ['one', true, []],
    ],
  );
  assert.ok(told.some(([done = 0, total = 0]) => done > 0 && done < total));

  const [bigger] = [`${big.slice(1)}y`];
  await world.layer('two', {
    same: 'same',
    content: '2',
    more: 'longer',
    big: bigger,
    missing: '',
    'type/': '',
    mode: '',
  });
  await giveManifest(world, 'two', 'one');
  const [verdict] = (await nanolin.verify(['one'], { deep: true })).layers;
  assert.equal(
    [verdict?.ok, verdict?.message, verdict?.differences.map(({ path, kind }) => `${kind} ${path}`)],
    [
      false,
      null,
      ['content /big', 'content /content', 'extra /extra', 'missing /missing', 'content /more', 'type /type'],
    ],
  );
  assert.is((await nanolin.verify(['squash'], { deep: true })).layers[0]?.ok, true);

  const image = imageOf(world, 'squash');
  chmodSync(image, 0o644);
  const bytes = readFileSync(image);
  bytes.writeUInt8(bytes.readUInt8(200) ^ 1, 200);
  writeFileSync(image, bytes);
  chmodSync(image, 0o444);
  const [broken] = (await nanolin.verify(['squash'], { deep: true })).layers;
  assert.is(broken?.ok, false);
  assert.match(broken?.message ?? '', 'not as it was imported');
});

function imageOf(world: World, name: string): string {
  return join(
    world.root,
    `var/lib/nanolin/layers`,
    recordsOf(world).find(one => one.name === name)?.image ?? '',
  );
}

/** As somebody would who has the store: the manifest and the record of it. */
async function giveManifest(world: World, from: string, to: string): Promise<void> {
  const list = (name: string) => imageOf(world, name).replace(/img$/, 'lst');
  const bytes = readFileSync(list(from));
  chmodSync(list(to), 0o644);
  writeFileSync(list(to), bytes);
  const records = recordsOf(world).map(one =>
    one.name === to ? { ...one, manifest: createHash('sha256').update(bytes).digest('hex') } : one,
  );
  const path = join(world.root, 'var/lib/nanolin/layers.json');
  writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), layers: records }));
}

function recordsOf(world: World): { name: string; image: string }[] {
  return JSON.parse(readFileSync(join(world.root, 'var/lib/nanolin/layers.json'), 'utf8')).layers;
}

test.run();
