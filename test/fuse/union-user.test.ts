// limit: 120s
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';
import { idle, makeUnion, names, noUnion, program, servers, text } from './union.ts';

const test = suite('union: ordinary users, and what the server holds');
const it = needs(test, noUnion);
const nobody = ['--reuid', '65534', '--regid', '65534', '--clear-groups'];

it('an ordinary user mounts one, with marks of its own kind, and unmounts it', async () => {
  await using union = await makeUnion('fuse', [{ f: 'f', g: 'g', 'd/x': '' }]);
  await union.unmount();
  execFileSync('chown', ['-R', '65534:65534', union.scratch]);
  // Debian's udev makes the device writable for all; this namespace's may not be.
  const device = `${union.scratch}/fuse`;
  execFileSync('mknod', ['-m', '666', device, 'c', '10', '229']);
  execFileSync('mount', ['--bind', device, '/dev/fuse']);
  // The runner's directories are root's alone: this namespace has another way in.
  const here = '/mnt';
  execFileSync('mount', ['--bind', union.scratch, here]);
  const target = `${here}/merged`;
  const options = `lowerdir=${here}/lower0,upperdir=${here}/upper,workdir=${here}/work,userxattr`;
  const as = (...command: readonly string[]) =>
    spawnSync('setpriv', [...nobody, ...command], {
      encoding: 'utf8',
      timeout: 20_000,
      env: { ...process.env, TMPDIR: here },
    });
  try {
    const node = [process.execPath, ...process.execArgv, program];
    const { stdout, stderr } = as(...node, 'union', '-o', options, target);
    assert.match(stdout, /^mounted .* by fuse/, stderr);
    const script = `cd ${target} && rm g && rm -r d && mkdir d && echo new > f && mv f f2 && cat f2`;
    assert.is(as('sh', '-c', script).stdout, 'new\n');
    assert.match(
      execFileSync('getfattr', ['-d', '-m', '-', `${union.upper}/d`], { encoding: 'utf8' }),
      'user.overlay.opaque="y"',
    );
    assert.is(as('fusermount', '-u', target).status, 0);
    await idle(here);
  } finally {
    execFileSync('umount', ['/dev/fuse']);
    execFileSync('umount', ['--lazy', here]);
  }
});

it('a target that is not empty is covered, as by the kernel', async () => {
  await using union = await makeUnion('fuse', [{ f: 'f' }]);
  await union.unmount();
  writeFileSync(union.at('below'), '');
  await union.mount();
  assert.equal(names(union.merged), ['f']);
  await union.unmount();
  assert.ok(existsSync(union.at('below')));
});

const many = Object.fromEntries(Array.from({ length: 300 }, (_, at) => [`d${at}/e/f`, String(at)]));
it('48 what the kernel has forgotten is held no more, and nothing is held for ever', async () => {
  await using union = await makeUnion('fuse', [many]);
  const [pid = 0] = servers(union.scratch);
  const held = () => readdirSync(`/proc/${pid}/fd`).length;
  const before = held();
  for (let round = 0; round < 3; round++) {
    for (let at = 0; at < 300; at++) assert.is(text(union.at(`d${at}/e/f`)), String(at));
    assert.ok(held() > before + 300, `${held()} after ${before}`);
    writeFileSync('/proc/sys/vm/drop_caches', '2');
    for (let tries = 0; held() > before + 5; tries++) {
      assert.ok(tries < 100, `${held()} descriptors are held, ${before} before`);
      await sleep(50);
    }
  }
});

test.run();
