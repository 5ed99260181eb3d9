import { spawnSync } from 'node:child_process';
import {
  closeSync,
  cpSync,
  lstatSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_SYMLINK_NOFOLLOW,
  FSPICK_EMPTY_PATH,
  MOUNT_ATTR_RDONLY,
  MS_BIND,
  native,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLONE,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
  S_IFCHR,
} from '../../src/kernel/index.ts';
import { detached, Place, thrownBy } from './place.ts';

const test = suite('the addon');

test('an error carries call, errno, code and path', () => {
  const error = thrownBy(() => native.openTree(AT_FDCWD, '/no/such', OPEN_TREE_CLONE));
  assert.instance(error, Error);
  const { call, errno, code, path, kernel } = error;
  assert.equal(
    { call, errno, code, path, kernel },
    { call: 'open_tree', errno: 2, code: 'ENOENT', path: '/no/such', kernel: undefined },
  );
});

test("a file system context's error carries the kernel's words", () => {
  const context = native.fsopen('tmpfs');
  const error = thrownBy(() => native.fsconfigString(context, 'nosuch', 'x'));
  native.close(context);
  assert.is(error.code, 'EINVAL');
  assert.match(error.kernel, /^tmpfs: Unknown parameter 'nosuch'$/);
});

test('reading the words never reads from a file that is no context', () => {
  using place = new Place();
  writeFileSync(place.path('f'), 'content');
  const fd = openSync(place.path('f'), 'r');
  const error = thrownBy(() => native.fsconfigCreate(fd));
  closeSync(fd);
  assert.equal([error.code, error.kernel], ['EINVAL', undefined]);
});

const wrong: [string, () => unknown][] = [
  ['a number for a string', () => native.fsopen(3 as never)],
  ['nothing', () => native.fsopen(undefined as never)],
  ['a NUL in a string', () => native.fsopen('tmp\0fs')],
  ['a string beyond any limit', () => native.fsopen('x'.repeat(1 << 20))],
  ['a negative descriptor', () => native.close(-1)],
  ['a fractional descriptor', () => native.close(1.5)],
  ['NaN', () => native.close(Number.NaN)],
  ['a descriptor beyond 32 bits', () => native.close(2 ** 32)],
  ['flags beyond 32 bits', () => native.umount2('/', 2 ** 32)],
  ['a number for a bigint', () => native.mountSetattr(AT_FDCWD, '/', 0, 0 as never, 0n, 0n)],
  ['a bigint beyond 64 bits', () => native.mountSetattr(AT_FDCWD, '/', 0, 1n << 64n, 0n, 0n)],
  ['a plain object for a scratch', () => native.umount2('/nowhere', 0, {} as never)],
  ['no scratch for fchdir', () => native.fchdir(0, undefined as never)],
  ['no array of steps', () => native.runLoop({} as never)],
  ['an unknown step', () => native.runLoop([{ do: 'jump', target: '/' } as never])],
  ['a detach without a mount', () => native.runLoop([{ do: 'detach', target: '/' } as never])],
  ['mount ids that are none', () => native.heldBy(['1'] as never)],
  ['a string for bytes', () => native.lsetxattr('/nowhere', 'user.x', 'y' as never)],
];
for (const [what, work] of wrong)
  test(`${what} is a TypeError`, () => {
    assert.instance(thrownBy(work), TypeError);
  });

test('an exception in a getter of a step is the one that is thrown', () => {
  const step = {
    get do(): never {
      throw new RangeError('mine');
    },
  };
  assert.is(thrownBy(() => native.runLoop([step as never])).message, 'mine');
});

test('every descriptor closes on exec', () => {
  const root = native.openat2(AT_FDCWD, '/', O_PATH | O_DIRECTORY, 0, 0);
  const fds = [
    root,
    native.fsopen('tmpfs'),
    native.openTree(root, '', OPEN_TREE_CLONE | AT_EMPTY_PATH),
    detached('a', 'b'),
  ];
  const { stdout } = spawnSync('ls', ['/proc/self/fd'], { encoding: 'utf8' });
  for (const fd of fds) {
    assert.not(stdout.split('\n').includes(String(fd)), `${fd} in ${stdout}`);
    native.close(fd);
  }
});

test('statx names a mount by both ids and says what is its root', () => {
  using place = new Place();
  place.directory('d');
  symlinkSync('d', place.path('l'));
  const root = native.statxMount(AT_FDCWD, place.top, 0);
  const inside = native.statxMount(AT_FDCWD, place.path('l'), 0);
  assert.is(root.root, true);
  assert.equal({ ...root, root: false }, inside);
  assert.match(root.unique ?? '', /^\d+$/);
  assert.is(native.statxMount(AT_FDCWD, place.path('l'), AT_SYMLINK_NOFOLLOW).type, 'link');
  assert.is.not(root.unique, native.statxMount(AT_FDCWD, '/proc', 0).unique);
  assert.is(thrownBy(() => native.statxMount(AT_FDCWD, '', 0)).code, 'ENOENT');
});

test('mount, mount_setattr, fspick and umount2 do what they say', () => {
  using place = new Place();
  const target = place.directory('t');
  native.mount(place.top, target, null, MS_BIND, null);
  native.mountSetattr(AT_FDCWD, target, 0, BigInt(MOUNT_ATTR_RDONLY), 0n, 0n);
  assert.is(thrownBy(() => writeFileSync(`${target}/x`, '')).code, 'EROFS');
  native.umount2(target, 0);
  writeFileSync(`${target}/x`, '');

  const fd = native.openat2(AT_FDCWD, place.top, O_PATH | O_DIRECTORY, 0, 0);
  const picked = native.fspick(fd, '', FSPICK_EMPTY_PATH);
  native.fsconfigFlag(picked, 'ro');
  native.fsconfigReconfigure(picked);
  native.close(picked);
  native.close(fd);
  assert.is(thrownBy(() => writeFileSync(place.path('y'), '')).code, 'EROFS');
  assert.is(thrownBy(() => native.umount2(target, 0)).code, 'EINVAL');
});

test('openat2 keeps to its resolve flags', () => {
  using place = new Place();
  place.directory('a/b');
  symlinkSync('a', place.path('l'));
  const top = native.openat2(AT_FDCWD, place.top, O_PATH | O_DIRECTORY, 0, 0);
  const resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS;
  native.close(native.openat2(top, 'a/b', O_PATH, 0, resolve));
  assert.is(thrownBy(() => native.openat2(top, 'l/b', O_PATH, 0, resolve)).code, 'ELOOP');
  assert.is(thrownBy(() => native.openat2(top, 'a/../..', O_PATH, 0, resolve)).code, 'EXDEV');
  native.mkdirat(top, 'made', 0o700);
  assert.is(lstatSync(place.path('made')).mode & 0o777, 0o700);
  native.close(top);
});

test('a flock is held by one, shared by many, and given back', () => {
  using place = new Place();
  writeFileSync(place.path('lock'), '');
  const [a, b] = [openSync(place.path('lock'), 'r'), openSync(place.path('lock'), 'r')];
  assert.is(native.flockTry(a, true), true);
  assert.is(native.flockTry(b, true), false);
  native.funlock(a);
  assert.is(native.flockTry(b, false), true);
  assert.is(native.flockTry(a, false), true);
  closeSync(a);
  closeSync(b);
  assert.is(thrownBy(() => native.flockTry(a, true)).code, 'EBADF');
});

test('a file that somebody has open for writing is not unwritten', () => {
  using place = new Place();
  writeFileSync(place.path('f'), '');
  const reader = openSync(place.path('f'), 'r');
  assert.is(native.unwritten(reader), true);
  const writer = openSync(place.path('f'), 'a');
  assert.is(native.unwritten(reader), false);
  closeSync(writer);
  assert.is(native.unwritten(reader), true);
  native.fsync(reader);
  native.syncfs(reader);
  closeSync(reader);
});

test('a path may be bytes that are no UTF-8', () => {
  using place = new Place();
  const path = Buffer.concat([Buffer.from(place.path('/')), Buffer.from([0xff, 0xfe])]);
  writeFileSync(path, '');
  native.lsetxattr(path, 'user.x', Buffer.from('value'));
  assert.equal(native.llistxattr(path), ['user.x']);
  assert.is(Buffer.from(native.lgetxattr(path, 'user.x')).toString(), 'value');
  for (const wrong of [Buffer.from([0x61, 0, 0x62]), Buffer.alloc(0), new Uint16Array(2)])
    assert.throws(
      () => native.llistxattr(wrong as never),
      (error: unknown) => error instanceof TypeError,
    );
});

test('extended attributes come back as bytes', () => {
  using place = new Place();
  writeFileSync(place.path('f'), '');
  const value = Uint8Array.of(0, 255, 10);
  assert.equal(native.llistxattr(place.path('f')), []);
  native.lsetxattr(place.path('f'), 'trusted.x', value);
  native.lsetxattr(place.path('f'), 'trusted.empty', new Uint8Array());
  assert.equal(native.llistxattr(place.path('f')).sort(), ['trusted.empty', 'trusted.x']);
  assert.equal(Uint8Array.from(native.lgetxattr(place.path('f'), 'trusted.x')), value);
  assert.is(native.lgetxattr(place.path('f'), 'trusted.empty').length, 0);
  assert.is(thrownBy(() => native.lgetxattr(place.path('f'), 'trusted.none')).code, 'ENODATA');
});

test('mknod makes a whiteout', () => {
  using place = new Place();
  native.mknod(place.path('w'), S_IFCHR | 0o600, 0, 0);
  const stat = lstatSync(place.path('w'));
  assert.ok(stat.isCharacterDevice() && stat.rdev === 0);
  native.mknod(place.path('n'), S_IFCHR | 0o600, 1, 3);
  assert.is(lstatSync(place.path('n')).rdev, 0x103);
});

test('a membarrier returns', () => {
  native.membarrierGlobal();
});

test('without the addon the error says how to build it', () => {
  const bare = mkdtempSync(`${tmpdir()}/nanolin-bare-`);
  cpSync(new URL('../../src', import.meta.url), `${bare}/src`, { recursive: true });
  writeFileSync(`${bare}/package.json`, '{"type":"module"}');
  const script = `import { native } from './src/kernel/native.ts';
    try { native.close(0) } catch (e) { console.log(e.code, e.hint) }`;
  writeFileSync(`${bare}/try.ts`, script);
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', `${bare}/try.ts`], {
    encoding: 'utf8',
  });
  rmSync(bare, { recursive: true });
  assert.is(stdout, 'needs-program run `npm run build`\n', stderr);
});

test.run();
