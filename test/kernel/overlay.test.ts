import { existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AT_FDCWD,
  assembleOverlay,
  MNT_DETACH,
  type Mount,
  native,
  O_DIRECTORY,
  O_PATH,
  type OverlayRequest,
  openEmpty,
  readMountinfo,
  ScratchLayers,
  topmost,
} from '../../src/kernel/index.ts';
import {
  attached,
  contents,
  descriptors,
  detached,
  directoryOf,
  moveOnto,
  Place,
  shut,
  thrownBy,
} from './place.ts';

const test = suite('assembling overlays');

const ways = [
  { forced: [], layers: 'detached', lowerdir: 'descriptor' },
  { forced: ['no-detached-layers'], layers: 'scratch', lowerdir: 'path' },
  { forced: ['no-lowerdir-plus'], layers: 'scratch', lowerdir: 'mount string' },
] as const;

function assemble(
  request: Partial<OverlayRequest> & { lowers: readonly number[] },
  forced: readonly string[] = [],
) {
  return assembleOverlay({
    source: 'nanolin-7-x',
    nosuid: false,
    ...request,
    forced: shut(...forced),
  });
}

/** Mounts it, asks, and takes it off; closes all descriptors. */
function merged<T>(place: Place, fds: readonly number[], ask: (target: string, mount: Mount) => T): T {
  const target = place.directory('merged');
  const [overlay = -1] = fds;
  moveOnto(overlay, target);
  for (const fd of fds) native.close(fd);
  const mount = topmost(readMountinfo(), target);
  if (!mount) throw new Error('not mounted');
  try {
    return ask(target, mount);
  } finally {
    native.umount2(target, MNT_DETACH);
  }
}

for (const { forced, ...expected } of ways) {
  const named = expected.lowerdir;

  test(`${named}: images, their directories, and a directory of the system are merged, topmost first`, () => {
    using place = new Place();
    const one = place.image('one', { 'usr/a': '1', 'usr/both': '1', 'usr/d/one': '1' });
    const two = place.image('two', { a: '2', both: '2', 'd/two': '2' }, 'squashfs');
    const base = place.tree('base', { both: 'base', base: 'base', 'd/base': '' });
    const mounts = readMountinfo();
    const image = attached(one);
    const lowers = [
      directoryOf(image, 'usr'),
      attached(two, 'squashfs'),
      native.openat2(AT_FDCWD, base, O_PATH | O_DIRECTORY, 0, 0),
    ];
    const overlay = assemble({ lowers, nosuid: true }, forced);
    assert.equal(overlay.ways, expected);
    assert.equal(readMountinfo(), mounts);
    merged(place, [overlay.fd, ...lowers, image], (target, mount) => {
      const found = { a: '1', base: 'base', both: '1', 'd/': '', 'd/base': '', 'd/one': '1', 'd/two': '2' };
      assert.equal(contents(target), found);
      assert.is(mount.source, 'nanolin-7-x');
      for (const option of ['nosuid', 'nodev']) assert.ok(mount.options.includes(option), option);
      assert.ok(
        mount.superOptions.includes('redirect_dir=nofollow') && mount.superOptions.includes('xino=on'),
      );
      assert.is(thrownBy(() => writeFileSync(`${target}/x`, '')).code, 'EROFS');
    });
    assert.is(readFileSync(`${base}/both`, 'utf8'), 'base');
  });

  test(`${named}: an upper takes what is written, whatever its path is made of`, () => {
    using place = new Place();
    const home = place.directory('a,b:c\\d e/\\,x'.repeat(4));
    mkdirSync(`${home}/up:per`);
    mkdirSync(`${home}/wo,rk`);
    const lowers = [attached(place.image('one', { a: '1', b: '1' }))];
    const overlay = assemble({ lowers, upper: { upper: `${home}/up:per`, work: `${home}/wo,rk` } }, forced);
    merged(place, [overlay.fd, ...lowers], (target, mount) => {
      writeFileSync(`${target}/a`, 'changed');
      writeFileSync(`${target}/new`, 'new');
      rmSync(`${target}/b`);
      assert.equal(contents(target), { a: 'changed', new: 'new' });
      assert.not(mount.options.includes('nosuid'));
    });
    assert.is(readFileSync(`${home}/up:per/a`, 'utf8'), 'changed');
    assert.ok(statSync(`${home}/up:per/b`).isCharacterDevice());
  });

  test(`${named}: 499 layers`, () => {
    using place = new Place();
    const lowers = Array.from({ length: 499 }, (_, index) => detached(`f${index}`, String(index)));
    const overlay = assemble({ lowers }, forced);
    merged(place, [overlay.fd, ...lowers], target => {
      const found = contents(target);
      assert.is(Object.keys(found).length, 499);
      assert.ok(Object.entries(found).every(([file, content]) => file === `f${content}`));
    });
  });

  test(`${named}: one image serves several targets`, () => {
    using place = new Place();
    using scratchLayers = new ScratchLayers();
    const image = place.image('one', { 'usr/a': 'usr', 'opt/a': 'opt' });
    const whole = attached(image);
    const fds = ['usr', 'opt', 'usr'].map(from => {
      const lowers = [directoryOf(whole, from), openEmpty()];
      const { fd } = assemble({ lowers, scratchLayers }, forced);
      for (const lower of lowers) native.close(lower);
      return fd;
    });
    native.close(whole);
    scratchLayers[Symbol.dispose]();
    assert.equal(
      fds.map(fd => readFileSync(`/proc/self/fd/${fd}/a`, 'utf8')),
      ['usr', 'opt', 'usr'],
    );
    for (const fd of fds) native.close(fd);
  });

  test(`${named}: a refused overlay says why and leaves nothing`, () => {
    using place = new Place();
    const before = descriptors().length;
    const lowers = [detached('a', '1'), detached('b', '2')];
    const lost = { upper: place.path('none'), work: place.path('none2') };
    assert.is(thrownBy(() => assemble({ lowers, upper: lost }, forced)).code, 'mount-failed');
    const rejected = thrownBy(() => assemble({ lowers: [], options: ['nosuch=1'] }, forced));
    assert.is(rejected.code, 'mount-failed');
    assert.match(rejected.message, 'EINVAL');
    for (const lower of lowers) native.close(lower);
    assert.is(descriptors().length, before);
  });
}

test("the kernel's words on a bad option are in the message", () => {
  const lowers = [detached('a', '1'), detached('b', '2')];
  const error = thrownBy(() => assemble({ lowers, options: ['nosuch=1'] }));
  assert.match(error.message, "Unknown parameter 'nosuch'");
  for (const lower of lowers) native.close(lower);
});

test('a request that is wrong leaves the mounts to the caller', () => {
  const lowers = [detached('a', '1'), detached('b', '2')];
  thrownBy(() => assemble({ lowers, options: ['nosuch=1'] }));
  const { fd } = assemble({ lowers });
  assert.equal(contents(`/proc/self/fd/${fd}`), { a: '1', b: '2' });
  for (const each of [fd, ...lowers]) native.close(each);
});

test('more layers than the kernel stacks are refused before it is asked', () => {
  assert.is(thrownBy(() => assemble({ lowers: new Array(501).fill(0) })).code, 'refused');
});

test('numbers of files are unique, and stay after the kernel dropped its inodes', () => {
  using place = new Place();
  const lowers = ['one', 'two'].map(name => attached(place.image(name, { [`${name}/f`]: name })));
  const overlay = assemble({ lowers });
  merged(place, [overlay.fd, ...lowers], target => {
    const numbers = () =>
      ['', 'one', 'two', 'one/f', 'two/f'].map(name => {
        const { dev, ino } = statSync(`${target}/${name}`, { bigint: true });
        return `${dev}:${ino}`;
      });
    const before = numbers();
    assert.is(new Set(before).size, 5);
    assert.is(new Set(before.map(number => number.split(':')[0])).size, 1, 'one st_dev');
    writeFileSync('/proc/sys/vm/drop_caches', '2');
    assert.equal(numbers(), before);
  });
});

test('layers of untrusted images cannot redirect', () => {
  using place = new Place();
  const lower = place.tree('lower', { 'secret/f': 'secret' });
  const top = place.tree('top', { 'open/': '' });
  native.lsetxattr(`${top}/open`, 'trusted.overlay.redirect', Buffer.from('/secret'));
  const lowers = [top, lower].map(path => native.openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, 0));
  const overlay = assemble({ lowers });
  merged(place, [overlay.fd, ...lowers], target => assert.not(existsSync(`${target}/open/f`)));
});

test.run();
