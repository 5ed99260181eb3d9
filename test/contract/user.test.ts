// limit: 120s
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { serversIn } from '../crash/servers.ts';
import { noSomebody, openSomebody, type Somebody } from '../layer/somebody.ts';
import { needs } from '../needs.ts';
import { read, writeFiles } from './world.ts';

const program = resolve(import.meta.dirname, '../../dist/nanolin.js');
const test = suite('an ordinary user without sudo');
const it = needs(test, noSomebody);

interface Scene {
  readonly target: string;
  /** A command line of nanolin; what it says as JSON, of many shapes. */
  // biome-ignore lint/suspicious/noExplicitAny: tests ask for what they expect
  run(...words: readonly string[]): any;
  /** Killed at that step boundary, or not when it does not come by there. */
  killedAt(point: string, ...words: readonly string[]): boolean;
}

function setScene(user: Somebody, environment = { NANOLIN_RESTART: '0' }): Scene {
  const target = join(user.place, 'home/app');
  // As built, which is what serves as well.
  const nanolin = (words: readonly string[], env = {}) =>
    user.as([process.execPath, program, ...words, '--json'], { ...environment, ...env });
  const scene: Scene = {
    target,
    run(...words) {
      const { status, stdout, stderr } = nanolin(words);
      assert.ok(status === 0 || status === 6, `${words.join(' ')}: ${stdout}${stderr}`);
      return JSON.parse(stdout);
    },
    killedAt: (point, ...words) => nanolin(words, { NANOLIN_FAULT: point }).signal === 'SIGKILL',
  };
  writeFiles(target, { base: 'base' });
  for (const who of ['one', 'two']) {
    const tree = join(user.place, `home/${who}`);
    writeFiles(tree, { who, [who]: who, 'sub/': '' });
    execFileSync('chown', ['-R', `${user.uid}:${user.uid}`, tree, target]);
    scene.run('layer', 'import', tree, '--name', who, '--version', '1');
  }
  mkdirSync(user.paths.profiles, { recursive: true });
  for (const [name, writing] of [
    ['plain', 'none'],
    ['written', 'persist'],
  ])
    writeFileSync(
      join(user.paths.profiles, `${name}.rcp`),
      `PROFILE ${name}\nTARGETS ${target} from=/\nENABLES one\nWRITING ${writing}\n`,
    );
  execFileSync('chown', ['-R', `${user.uid}:${user.uid}`, join(user.place, 'home')]);
  return scene;
}

/** As him: a file system of his is nobody else's to look at (fuse.rst, "How do non-privileged mounts work?"). */
const seen = (user: Somebody, path: string): string => {
  const { status, stdout } = user.as(['cat', path]);
  return status === 0 ? stdout : 'none';
};

async function ended(user: Somebody): Promise<void> {
  for (let tries = 0; serversIn(user.paths.run).length > 0; tries++) {
    assert.ok(tries < 100, 'a server is left');
    await sleep(50);
  }
}

it('imports, switches, edits inside the union, runs and rolls back', async () => {
  await using user = openSomebody();
  const { target, run } = setScene(user);
  const look = (...names: readonly string[]) => names.map(name => seen(user, join(target, name)));
  const first = run('profile', 'switch', 'plain');
  assert.equal([first.changed, first.gap], [true, false]);
  assert.equal(look('base', 'who', 'two'), ['base', 'one', 'none']);
  assert.is(run('status').backend, 'fuse');

  const inside = run('enable', 'two');
  assert.equal([inside.gap, inside.ways.place], [false, 'inside']);
  assert.equal(inside.paths, { added: 1, removed: 0, changed: 1 });
  assert.equal(look('base', 'who', 'two'), ['base', 'two', 'two']);

  run('rollback');
  assert.equal(look('base', 'who', 'two'), ['base', 'one', 'none']);
  run('rollback', '0');
  assert.equal([read(join(target, 'base')), read(join(target, 'who'))], ['base', 'ENOENT']);
  await ended(user);
});

it('is told what a change over an empty directory does, before and after', async () => {
  await using user = openSomebody();
  const { run } = setScene(user);
  const target = join(user.place, 'home/empty');
  execFileSync('install', ['-d', '-o', `${user.uid}`, '-g', `${user.uid}`, target]);
  writeFileSync(
    join(user.paths.profiles, 'empty.rcp'),
    `PROFILE empty\nTARGETS ${target} from=/\nENABLES one\n`,
  );
  assert.equal(
    run('plan', 'profile', 'empty').paths.appear,
    ['one', 'sub', 'who'].map(name => `${target}/${name}`),
  );
  run('profile', 'switch', 'empty');
  assert.equal(run('plan', 'enable', 'two').paths.change, [`${target}/who`]);
  const verdicts = run('verify', '--deep').layers as { ok: boolean }[];
  assert.equal(
    verdicts.map(({ ok }) => ok),
    [true],
  );
  run('rollback', '0');
  await ended(user);
});

it('writes to a stack of his own, and leaves it with a gap that is said', async () => {
  await using user = openSomebody();
  const { target, run } = setScene(user);
  run('profile', 'switch', 'written');
  const script = 'echo note > note; rm two base; echo mine > who; ls';
  run('enable', 'two');
  assert.is(user.as(['sh', '-c', `cd ${target} && ${script}`]).stdout, 'note\none\nsub\nwho\n');
  run('disable', 'two');
  assert.equal([seen(user, `${target}/who`), seen(user, `${target}/note`)], ['mine\n', 'note\n']);
  assert.is(run('profile', 'switch', 'plain').gap, true);
  assert.equal([seen(user, `${target}/who`), seen(user, `${target}/base`)], ['one', 'base']);
  run('profile', 'switch', 'written');
  assert.equal([seen(user, `${target}/who`), seen(user, `${target}/base`)], ['mine\n', 'none']);
  run('rollback', '0');
  await ended(user);
});

it('brings up again what was killed, and what he unmounted', async () => {
  await using user = openSomebody();
  const { target, run } = setScene(user);
  run('profile', 'switch', 'written');
  const [pid = 0] = serversIn(user.paths.run);
  process.kill(pid, 'SIGKILL');
  await ended(user);
  assert.match(String(run('status').recovery), 'has ended');
  run('profile', 'switch', '--restore');
  assert.is(seen(user, `${target}/who`), 'one');
  assert.is(user.as(['fusermount', '-u', target]).status, 0);
  await ended(user);
  run('profile', 'switch', '--restore');
  assert.is(seen(user, `${target}/who`), 'one');
  assert.equal(run('status').recovery, []);
  const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
  assert.is(lines.filter(line => line.includes(` ${target} `)).length, 1);
  run('rollback', '0');
  await ended(user);
});

it('has what keeps his stacks up as well', async () => {
  await using user = openSomebody();
  const { target, run } = setScene(user, { NANOLIN_RESTART: '' });
  run('profile', 'switch', 'written');
  const keepers = () => user.as(['pgrep', '-u', String(user.uid), '-f', 'internal-keep-unions']).stdout;
  for (let tries = 0; keepers() === ''; tries++) assert.ok(tries < 200, 'nobody keeps it');
  const [pid = 0] = serversIn(user.paths.run);
  process.kill(pid, 'SIGKILL');
  for (
    let tries = 0;
    seen(user, `${target}/who`) !== 'one' || serversIn(user.paths.run)[0] === pid;
    tries++
  ) {
    assert.ok(tries < 200, 'it is not mounted again');
    await sleep(50);
  }
  // It is at work until then.
  while (read(join(user.paths.run, 'lock')) !== '') await sleep(50);
  run('rollback', '0');
  await ended(user);
  for (let tries = 0; keepers() !== ''; tries++) assert.ok(tries < 200, 'the keeper stays');
});

/** One mount after the other: in between there is neither. */
const moments = ['union:started', 'switch:intended', 'union:off', 'union:mounted', 'switch:swapped'];
it('finds one whole stack after a kill, old or new', async () => {
  await using user = openSomebody();
  const { target, run, killedAt } = setScene(user);
  for (const [before, action, points] of [
    ['written', ['profile', 'switch', 'plain'], moments],
    ['plain', ['enable', 'two'], ['union:prepared', 'union:commit', 'union:committed', 'switch:committed']],
  ] as const)
    for (const point of points) {
      run('profile', 'switch', before);
      assert.ok(killedAt(point, ...action), point);
      // Any writing command recovers before it does its own work.
      run('layer', 'import', join(user.place, 'home/one'), '--name', 'probe', '--version', '1');
      const { recovery, targets, profile } = run('status');
      assert.equal(recovery, [], point);
      const layers = targets[0].layers.map(({ name }: { name: string }) => name);
      assert.is(seen(user, `${target}/who`), layers[0], `${point}: ${profile}`);
      const lines = readFileSync('/proc/self/mountinfo', 'utf8').split('\n');
      assert.is(lines.filter(line => line.includes(` ${target} `)).length, 1, point);
      for (let tries = 0; serversIn(user.paths.run).length > 1; tries++) {
        assert.ok(tries < 300, `${point}: a server is left`);
        await sleep(50);
      }
    }
  run('rollback', '0');
  await ended(user);
});

test.run();
