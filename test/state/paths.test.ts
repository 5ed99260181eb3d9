import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/error/index.ts';
import { choosePaths, runtimeDirectory, type Who } from '../../src/state/index.ts';
import { needs } from '../needs.ts';

const test = suite('where state lies');
const asRoot = needs(test, process.getuid?.() === 0 ? null : 'root');

function place(): { at: string; [Symbol.dispose](): void } {
  const at = mkdtempSync(join(tmpdir(), 'nanolin-paths-'));
  return { at, [Symbol.dispose]: () => rmSync(at, { recursive: true, force: true }) };
}

const me = process.getuid?.() ?? 0;
const user = (at: string, env: Who['env'] = {}): Who => {
  mkdirSync(join(at, 'run'), { recursive: true, mode: 0o700 });
  const runtime = { XDG_RUNTIME_DIR: join(at, 'run') };
  // An owner of `/` other than root: what root of a user namespace sees, whoever runs this test.
  return { uid: me, outside: 1000, rootOwner: 65534, home: '/home/u', env: { ...runtime, ...env } };
};

test("root has the system's directories, a user his own, --root is below a directory for both", () => {
  using scratch = place();
  const root: Who = {
    uid: 0,
    outside: 0,
    rootOwner: 0,
    home: '/root',
    env: { XDG_STATE_HOME: '/elsewhere' },
  };
  const system = choosePaths({}, root);
  assert.equal(
    [system.root, system.keys, system.layers, system.run],
    ['/', '/etc/nanolin/keys', '/var/lib/nanolin/layers', '/run/nanolin'],
  );
  const his = choosePaths({}, user(scratch.at));
  assert.equal(
    [his.root, his.profiles, his.keys, his.layers, his.run],
    [
      '/',
      '/home/u/.config/nanolin/profiles',
      '/home/u/.config/nanolin/keys',
      '/home/u/.local/state/nanolin/layers',
      join(scratch.at, 'run/nanolin'),
    ],
  );
  for (const who of [root, user(scratch.at)]) {
    const below = choosePaths({ root: '/srv/x', profiles: 'here' }, who);
    assert.equal([below.layers, below.run], ['/srv/x/var/lib/nanolin/layers', '/srv/x/run/nanolin']);
    assert.is(below.profiles, join(process.cwd(), 'here'));
  }
});

test("XDG's variables count where they are absolute", () => {
  using scratch = place();
  const { keys, state } = choosePaths(
    {},
    user(scratch.at, { XDG_CONFIG_HOME: '/c', XDG_STATE_HOME: 'relative' }),
  );
  assert.equal([keys, state], ['/c/nanolin/keys', '/home/u/.local/state/nanolin']);
});

test("a runtime directory that is not the user's alone is replaced by one that is, and said", () => {
  using scratch = place();
  const { at } = scratch;
  const good = join(at, 'good');
  mkdirSync(good, { mode: 0o700 });
  const ask = (XDG_RUNTIME_DIR: string | undefined) =>
    runtimeDirectory({ uid: me, outside: 1000, env: { XDG_RUNTIME_DIR } }, at);
  assert.equal(ask(good), { path: join(good, 'nanolin'), instead: null });
  const made = join(at, 'nanolin-1000');
  assert.equal(ask(undefined), { path: made, instead: '$XDG_RUNTIME_DIR is not set' });
  const stat = lstatSync(made);
  assert.equal([stat.mode & 0o7777, stat.uid], [0o700, me]);

  mkdirSync(join(at, 'open'));
  chmodSync(join(at, 'open'), 0o755);
  symlinkSync(good, join(at, 'link'));
  writeFileSync(join(at, 'file'), '');
  for (const [name, why] of [
    ['none', 'does not exist'],
    ['open', 'may be entered by others'],
    ['link', 'is not a directory'],
    ['file', 'is not a directory'],
  ] as const)
    assert.equal(ask(join(at, name)), { path: made, instead: `$XDG_RUNTIME_DIR ${why}` });
});

test('a name in /tmp that somebody took is not used', () => {
  for (const take of [
    (path: string) => symlinkSync('/', path),
    (path: string) => writeFileSync(path, ''),
    (path: string) => {
      mkdirSync(path);
      chmodSync(path, 0o777);
    },
  ]) {
    using scratch = place();
    take(join(scratch.at, 'nanolin-1000'));
    assert.throws(
      () => runtimeDirectory({ uid: me, outside: 1000, env: {} }, scratch.at),
      (error: unknown) => error instanceof NanolinError && error.code === 'refused',
    );
  }
});

asRoot('nor one that belongs to another user', () => {
  using scratch = place();
  const path = join(scratch.at, 'nanolin-1000');
  mkdirSync(path, { mode: 0o700 });
  chownSync(path, 12345, 12345);
  assert.throws(
    () => runtimeDirectory({ uid: 0, outside: 1000, env: {} }, scratch.at),
    /nanolin-1000 belongs to user 12345/,
  );
});

test.run();
