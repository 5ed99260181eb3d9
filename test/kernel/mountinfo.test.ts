import { execFileSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/error/index.ts';
import {
  type Mount,
  native,
  nestedBelow,
  parseMountinfo,
  readMountinfo,
  topmost,
} from '../../src/kernel/index.ts';
import { Place, thrownBy } from './place.ts';

const test = suite('mountinfo');

test('a line of proc(5) is taken apart', () => {
  const line = '36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue\n';
  assert.equal(parseMountinfo(line), [
    {
      id: 36,
      parent: 35,
      device: '98:0',
      root: '/mnt1',
      mountPoint: '/mnt2',
      options: ['rw', 'noatime'],
      propagation: ['master:1', 'shared:7'],
      type: 'ext3',
      source: '/dev/root',
      superOptions: ['rw', 'errors=continue'],
    },
  ]);
});

test('escapes are bytes, and the bytes are UTF-8; an escaped comma splits nothing', () => {
  const bytes = Buffer.from(
    '1 0 0:1 / /a\\040b\\011\\012\\134\\043/é rw - overlay  rw,lowerdir=/x\\054y\n',
  ).toString('latin1');
  const [mount] = parseMountinfo(bytes);
  assert.is(mount?.mountPoint, '/a b\t\n\\#/é');
  assert.is(mount?.source, '');
  assert.equal(mount?.superOptions, ['rw', 'lowerdir=/x,y']);
});

for (const line of [
  '',
  'x',
  '1 2 0:1 / / rw',
  '1 2 0:1 / / rw -',
  '1 2 0:1 / / rw - a b',
  'a 2 0:1 / / rw - a b c',
  '1 2 01 / / rw - a b c',
  '1 2 0:1 / / rw - a b c d',
])
  test(`"${line}" is refused by its number`, () => {
    const error = thrownBy(() => parseMountinfo(`1 0 0:1 / / rw - a b c\n${line}\n`));
    assert.instance(error, NanolinError);
    assert.match(error.message, 'line 2');
  });

/** As fs/proc_namespace.c writes it. */
function print(mount: Mount): string {
  const octal = (text: string, set: string) =>
    [...Buffer.from(text)]
      .map(byte =>
        set.includes(String.fromCharCode(byte))
          ? `\\${byte.toString(8).padStart(3, '0')}`
          : String.fromCharCode(byte),
      )
      .join('');
  const plain = (text: string) => octal(text, ' \t\n\\#');
  return [
    mount.id,
    mount.parent,
    mount.device,
    plain(mount.root),
    plain(mount.mountPoint),
    mount.options.join(','),
    ...mount.propagation,
    '-',
    mount.type,
    plain(mount.source),
    mount.superOptions.map(option => octal(option, ', \t\n\\')).join(','),
  ].join(' ');
}

const name = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter(text => !/[/\0]/.test(text));
const path = fc.array(name, { maxLength: 4 }).map(parts => `/${parts.join('/')}`);
const mountArbitrary: fc.Arbitrary<Mount> = fc.record(
  {
    id: fc.nat(),
    parent: fc.nat(),
    device: fc.tuple(fc.nat(4095), fc.nat(99999)).map(([major, minor]) => `${major}:${minor}`),
    root: path,
    mountPoint: path,
    options: fc.constantFrom(['rw'], ['ro', 'nosuid', 'nodev']),
    propagation: fc.subarray(['shared:1', 'master:22', 'propagate_from:3', 'unbindable']),
    type: fc.constantFrom('ext4', 'overlay', 'fuse.sshfs'),
    source: fc.oneof(path, fc.constant(''), fc.constant('-')),
    superOptions: fc.array(fc.oneof(name, path), { minLength: 1, maxLength: 3 }),
  },
  { noNullPrototype: true },
);

test('whatever the kernel prints comes back', () => {
  fc.assert(
    fc.property(fc.array(mountArbitrary), mounts => {
      assert.equal(parseMountinfo(mounts.map(mount => `${print(mount)}\n`).join('')), mounts);
    }),
  );
});

test('whatever else comes is parsed or refused, nothing more', () => {
  const word = fc.constantFrom(
    ' ',
    '-',
    '\\',
    '\\040',
    '\\9',
    ',',
    '1',
    '0:1',
    '/',
    '\n',
    'rw',
    '\t',
    '\xff',
  );
  const text = fc.oneof(
    fc.string(),
    fc.array(word, { maxLength: 40 }).map(words => words.join('')),
  );
  fc.assert(
    fc.property(text, input => {
      try {
        for (const mount of parseMountinfo(input)) assert.type(mount.mountPoint, 'string');
      } catch (error) {
        if (!(error instanceof NanolinError)) throw error;
      }
    }),
  );
});

test('the questions end on any list, also on one that runs in circles', () => {
  const small = fc.record({
    id: fc.nat(5),
    parent: fc.nat(5),
    mountPoint: fc.constantFrom('/', '/a', '/a/b'),
  });
  fc.assert(
    fc.property(fc.uniqueArray(small, { maxLength: 8, selector: mount => mount.id }), list => {
      const mounts = list as Mount[];
      assert.is(topmost(mounts, '/a/b')?.mountPoint ?? '/a/b', '/a/b');
      assert.ok(nestedBelow(mounts, 1).length <= mounts.length);
    }),
  );
});

const small = (id: number, parent: number, mountPoint: string) => ({ id, parent, mountPoint }) as Mount;

test('topmost is what a look-up finds: the last of a pile, never what is hidden', () => {
  const mounts = [
    small(3, 2, '/a'),
    small(1, 0, '/'),
    small(2, 1, '/a'),
    small(4, 2, '/a/b'),
    small(5, 3, '/a/c'),
  ];
  assert.is(topmost(mounts, '/a')?.id, 3);
  assert.is(topmost(mounts, '/a/c')?.id, 5);
  assert.is(topmost(mounts, '/a/b'), undefined);
  assert.is(topmost(mounts, '/a/c/d'), undefined);
  assert.is(topmost(mounts, '/')?.id, 1);
});

test('nestedBelow goes all the way down and nowhere else', () => {
  const mounts = [
    small(1, 0, '/'),
    small(2, 1, '/a'),
    small(3, 2, '/a/b'),
    small(4, 3, '/a/b/c'),
    small(5, 1, '/z'),
  ];
  assert.equal(
    nestedBelow(mounts, 2).map(mount => mount.id),
    [3, 4],
  );
  assert.equal(nestedBelow(mounts, 5), []);
});

test("topmost agrees with the kernel's own look-up on real mounts", () => {
  using place = new Place();
  mkdirSync(place.path('a b/c'), { recursive: true });
  for (const target of ['a b', 'a b', 'a b/c']) {
    mkdirSync(place.path(target), { recursive: true });
    native.mount('x', place.path(target), 'tmpfs', 0, null);
    mkdirSync(place.path('a b/c'), { recursive: true });
  }
  const mounts = readMountinfo();
  for (const target of ['.', 'a b', 'a b/c'])
    assert.is(topmost(mounts, place.path(target))?.id, native.statxMount(-100, place.path(target), 0).id);
  const inside = execFileSync('findmnt', ['-Rno', 'TARGET', '--list', place.top], { encoding: 'utf8' })
    .trim()
    .split('\n');
  const top = topmost(mounts, place.top);
  assert.is(nestedBelow(mounts, top?.id ?? 0).length, inside.length - 1);
});

test.run();
