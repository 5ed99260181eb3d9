import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { probeKernel, readMountinfo } from '../../src/kernel/index.ts';
import { findProgram } from '../../src/kernel/programs.ts';
import { descriptors, loopFiles, Place } from './place.ts';

const test = suite('the doctor');
const find = async (what: string) => (await probeKernel()).find(probe => probe.what === what);

test('asks everything, leaves nothing', async () => {
  const state = () => [
    readMountinfo(),
    descriptors().length,
    loopFiles().filter(file => file.includes('deleted')),
  ];
  await probeKernel();
  const before = state();
  const probes = await probeKernel();
  assert.equal(state(), before);
  assert.is(new Set(probes.map(({ what }) => what)).size, probes.length);
  for (const { ok, way, remedy } of probes) {
    assert.ok(way.length > 0);
    if (!ok) assert.ok(remedy, 'what does not work has a remedy');
  }
});

test('images and overlays work here, and the ways are named', async () => {
  assert.match((await find('erofs images'))?.way ?? '', /^(file-backed|through a loop)/);
  assert.equal(await find('squashfs images'), {
    what: 'squashfs images',
    ok: true,
    way: 'through a loop device',
    remedy: null,
  });
  assert.match((await find('overlay'))?.way ?? '', /^(detached layers|layers in a scratch)/);
  assert.is((await find('right to mount'))?.ok, true);
});

test('without rights it says so, and what to do', () => {
  const script = `import { probeKernel } from './src/kernel/index.ts'; console.log(JSON.stringify(await probeKernel()))`;
  const { stdout, stderr } = spawnSync(
    'setpriv',
    [
      '--bounding-set',
      '-all',
      '--inh-caps',
      '-all',
      process.execPath,
      '--import',
      'tsx',
      '--input-type=module',
      '-e',
      script,
    ],
    { encoding: 'utf8' },
  );
  const probes = JSON.parse(stdout || `"${stderr}"`);
  const right = probes.find((probe: { what: string }) => probe.what === 'right to mount');
  assert.equal([right.ok, right.way], [false, 'no: unshare: EPERM']);
  assert.match(right.remedy, 'CAP_SYS_ADMIN');
});

test('a program is what can be executed on an absolute path', () => {
  using place = new Place();
  writeFileSync(place.path('tool'), '');
  assert.is(findProgram('tool', `:relative:${place.top}`), null);
  chmodSync(place.path('tool'), 0o755);
  assert.is(findProgram('tool', `:relative:${place.top}`), place.path('tool'));
  assert.ok(existsSync(findProgram('mkfs.erofs', '') ?? ''));
});

test.run();
