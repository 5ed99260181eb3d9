import {
  closeSync,
  copyFileSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { attachImage, native, openEmpty, openSubtree, readMountinfo } from '../../src/kernel/index.ts';
import { contents, descriptors, loopFiles, Place, shut, thrownBy } from './place.ts';

const test = suite('attaching images');
const files = { 'usr/bin/a': 'A', 'etc/': '' };
/** Not on tmpfs, whose files erofs cannot read without a loop device. */
const disk = mkdtempSync(`${tmpdir()}/nanolin-attach-`);
test.after(() => rmSync(disk, { recursive: true }));

function stored(place: Place, format: 'erofs' | 'squashfs'): string {
  const path = `${disk}/${format}.img`;
  copyFileSync(place.image(`made-${format}`, files, format), path);
  return path;
}

function attach(path: string, format: 'erofs' | 'squashfs', ...forced: readonly string[]) {
  const image = openSync(path, 'r');
  try {
    return attachImage(image, format, { forced: shut(...forced) });
  } finally {
    closeSync(image);
  }
}

const cases = [
  ['erofs', [], 'file-backed'],
  ['erofs', ['no-file-backed'], 'loop'],
  ['squashfs', [], 'loop'],
] as const;
for (const [format, forced, way] of cases)
  test(`${format} is attached ${way}, detached and read-only`, () => {
    using place = new Place();
    const image = stored(place, format);
    const mounts = readMountinfo();
    const attached = attach(image, format, ...forced);
    assert.is(attached.way, way);
    assert.equal(readMountinfo(), mounts);
    assert.is(loopFiles().includes(image), way === 'loop');
    const top = `/proc/self/fd/${attached.fd}`;
    assert.is(readFileSync(`${top}/usr/bin/a`, 'utf8'), 'A');
    assert.is(thrownBy(() => writeFileSync(`${top}/usr/bin/a`, 'x')).code, 'EROFS');
    native.close(attached.fd);
    assert.not(loopFiles().includes(image), 'the loop device goes with the mount');
  });

test('an erofs image that the kernel cannot read from a file goes through a loop device by itself', () => {
  using place = new Place();
  const attached = attach(place.image('on-tmpfs', files), 'erofs');
  assert.is(attached.way, 'loop');
  assert.equal(contents(`/proc/self/fd/${attached.fd}/usr`), { 'bin/': '', 'bin/a': 'A' });
  native.close(attached.fd);
});

test('what is no such image is image-invalid, and nothing is left', () => {
  using place = new Place();
  const good = stored(place, 'erofs');
  writeFileSync(`${disk}/text.img`, 'not an image\n'.repeat(1000));
  copyFileSync(good, `${disk}/damaged.img`);
  const damaged = openSync(`${disk}/damaged.img`, 'r+');
  writeSync(damaged, Buffer.alloc(64, 0xff), 0, 64, 1024 + 8);
  closeSync(damaged);
  copyFileSync(good, `${disk}/short.img`);
  truncateSync(`${disk}/short.img`, 512);
  writeFileSync(`${disk}/empty.img`, '');
  const before = descriptors().length;
  for (const name of ['text', 'damaged', 'short', 'empty'])
    for (const format of ['erofs', 'squashfs'] as const)
      for (const forced of [[], ['no-file-backed']]) {
        const error = thrownBy(() => attach(`${disk}/${name}.img`, format, ...forced));
        assert.is(error.code, 'image-invalid', `${name} as ${format}: ${error.message}`);
        assert.match(error.message, `does not mount the ${format} image`);
      }
  assert.is(descriptors().length, before);
  assert.equal(
    loopFiles().filter(file => file.startsWith(disk)),
    [],
  );
});

test('an image of one type is never tried as another', () => {
  using place = new Place();
  assert.is(thrownBy(() => attach(stored(place, 'squashfs'), 'erofs')).code, 'image-invalid');
  assert.is(thrownBy(() => attach(stored(place, 'erofs'), 'squashfs')).code, 'image-invalid');
});

test('a subtree is a directory of the image, absent, or refused', () => {
  using place = new Place();
  const tree = place.tree('t', { 'usr/bin/a': 'A', file: '' });
  symlinkSync('usr', `${tree}/link`);
  symlinkSync('/etc', `${tree}/away`);
  const top = native.openTree(-100, tree, 0);
  for (const [from, inside] of [
    ['', 'usr'],
    ['usr', 'bin'],
    ['usr/bin', 'a'],
  ] as const) {
    const fd = openSubtree(top, from);
    assert.ok(fd !== null && statSync(`/proc/self/fd/${fd}/${inside}`));
    native.close(fd);
  }
  assert.is(openSubtree(top, 'opt'), null);
  for (const from of ['link', 'link/bin', 'away', 'file', 'file/x']) {
    const error = thrownBy(() => openSubtree(top, from));
    assert.is(error.code, 'image-invalid', from);
    assert.match(error.message, `${from} is `);
  }
  assert.is(thrownBy(() => openSubtree(top, '../..')).code, 'EXDEV');
  native.close(top);
});

test('the empty mount is empty and stays so', () => {
  const fd = openEmpty();
  assert.equal(contents(`/proc/self/fd/${fd}`), {});
  assert.is(thrownBy(() => writeFileSync(`/proc/self/fd/${fd}/x`, '')).code, 'EROFS');
  native.close(fd);
});

test.run();
