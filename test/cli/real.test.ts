import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';

const dist = resolve(dirname(fileURLToPath(import.meta.url)), '../../dist');
const scratch = mkdtempSync(join(tmpdir(), 'nanolin-cli-'));
const root = join(scratch, 'root');
const target = join(scratch, 'target');
const switches = needs(test, process.getuid?.() === 0 ? null : 'root, to mount');

function nanolin(...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(dist, 'nanolin.js'), ...words], {
    encoding: 'utf8',
    env: { ...process.env, NANOLIN_ROOT: root },
  });
  return { code: status, out: stdout, err: stderr };
}

const json = (...words: readonly string[]) => JSON.parse(nanolin(...words, '--json').out);

test.before(() => {
  mkdirSync(target);
  for (const name of ['one', 'two']) {
    mkdirSync(join(scratch, name), { recursive: true });
    writeFileSync(join(scratch, name, name), name);
  }
  const profiles = join(root, 'etc/nanolin/profiles');
  mkdirSync(profiles, { recursive: true });
  writeFileSync(
    join(profiles, 'p.rcp'),
    `PROFILE p\nCOMMENT a test\nTARGETS ${target} from=/\nENABLES one\nWRITING none\n`,
  );
});

test.after(() => {
  while (spawnSync('umount', [target]).status === 0);
  rmSync(scratch, { recursive: true, force: true });
});

test('a machine without anything: nothing is mounted, what is asked for is not found', () => {
  assert.is(json('status').generation ?? 0, 0);
  assert.equal(json('layer', 'list'), []);
  const missing = nanolin('layer', 'show', 'absent');
  assert.is(missing.code, 4);
  assert.match(missing.err, /^nanolin: .*absent/);
  assert.is(nanolin('profile', 'switch', 'absent').code, 4);
});

switches('import, switch, enable, already so, swap out, roll back', () => {
  for (const name of ['one', 'two'])
    assert.is(nanolin('layer', 'import', join(scratch, name), '--name', name, '--version', '1').code, 0);
  assert.is(nanolin('profile', 'switch', 'p').code, 0);
  assert.ok(existsSync(join(target, 'one')));

  const enabled = json('enable', 'two');
  assert.is(enabled.changed, true);
  assert.is(enabled.paths.added, 1);
  assert.is(readFileSync(join(target, 'two'), 'utf8'), 'two');
  const again = nanolin('enable', 'two');
  assert.is(again.code, 0);
  assert.match(again.out, /^already so/);

  assert.equal(
    json('status').targets[0].layers.map(({ name }: { name: string }) => name),
    ['two', 'one'],
  );
  assert.is(nanolin('layer', 'remove', 'one').code, 3);
  assert.is(nanolin('rollback', '--reason', 'test').code, 0);
  assert.not.ok(existsSync(join(target, 'two')));
  assert.is(json('history').at(-1).reason, 'test');
});

test('the code cache is used, and the bundle runs as well without it or with that of another build', () => {
  const copy = join(scratch, 'dist');
  mkdirSync(copy);
  for (const name of ['nanolin.js', 'nanolin.bundle.cjs', 'nanolin.bundle.cache', 'package.json'])
    copyFileSync(join(dist, name), join(copy, name));
  const version = () =>
    spawnSync(process.execPath, [join(copy, 'nanolin.js'), '--version'], { encoding: 'utf8' }).stdout;
  const expected = version();
  assert.match(expected, /^nanolin \d/);
  const probe = `const m = require(${JSON.stringify(join(copy, 'nanolin.js'))}); console.log(m.script.cachedDataRejected)`;
  const rejected = () => spawnSync(process.execPath, ['-e', probe], { encoding: 'utf8' }).stdout.trim();
  assert.is(rejected(), 'false');
  const cache = readFileSync(join(copy, 'nanolin.bundle.cache'));
  writeFileSync(
    join(copy, 'nanolin.bundle.cache'),
    Buffer.concat([Buffer.from('0'.repeat(64)), cache.subarray(64)]),
  );
  assert.is(rejected(), 'undefined');
  assert.is(version(), expected);
  rmSync(join(copy, 'nanolin.bundle.cache'));
  assert.is(version(), expected);
});

test.run();
