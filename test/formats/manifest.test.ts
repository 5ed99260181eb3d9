import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  type Entry,
  type Manifest,
  maxManifestLine,
  parseManifest,
  printManifest,
} from '../../src/formats/index.ts';
import { orRefused, refuses } from './throws.ts';

const header = {
  package: 'web',
  version: '1.0',
  stamp: 'r26.11-G22095100',
  image: 'web-v1.0-r26.11-G22095100.img',
  size: 4096,
  sha256: 'a'.repeat(64),
};
const sha256 = '0123456789abcdef'.repeat(4);
const root: Entry = { path: '', type: 'dir', mode: 0o755, uid: 0, gid: 0 };
const owned = { mode: 0o644, uid: 0, gid: 0 };
const file = (path: string, more: Partial<Entry> = {}): Entry => ({
  path,
  type: 'file',
  ...owned,
  size: 1,
  sha256,
  ...more,
});
const dir = (path: string): Entry => ({ ...root, path });

const print = (...entries: Entry[]) => printManifest({ header, entries: [root, ...entries] });
const bytes = (text: string) => Buffer.from(text, 'latin1');
const parse = (text: string | Uint8Array) =>
  parseManifest(typeof text === 'string' ? bytes(text) : text, { file: 'x.lst' });
const head = print().split('\n').slice(0, 7).join('\n');
const rootLine = '. type=dir mode=0755 uid=0 gid=0';

test('a manifest is a header and one line an entry, sorted by bytes, in words that mtree knows', () => {
  const text = print(
    { path: 'z', type: 'block', ...owned, device: { major: 8, minor: 1 } },
    dir('usr'),
    file('usr/x', { mode: 0o4755, uid: 1, gid: 2, size: 1234, tags: ['setuid', 'config'] }),
    { path: 'usr/y', type: 'link', mode: 0o777, uid: 0, gid: 0, link: 'a b' },
    file('usr-é\n'.replace('é', '\xe9'), { xattrs: { 'user.b': bytes('\0'), 'user.a=1': new Uint8Array() } }),
  );
  assert.is(
    text,
    `#mtree
#package web
#version 1.0
#stamp r26.11-G22095100
#image web-v1.0-r26.11-G22095100.img
#size 4096
#sha256 ${'a'.repeat(64)}
. type=dir mode=0755 uid=0 gid=0
./usr type=dir mode=0755 uid=0 gid=0
./usr-\\351\\012 type=file mode=0644 uid=0 gid=0 size=1 sha256=${sha256}
#xattr ./usr-\\351\\012 user.a\\0751=
#xattr ./usr-\\351\\012 user.b=AA==
./usr/x type=file mode=04755 uid=1 gid=2 size=1234 sha256=${sha256} tags=config,setuid
./usr/y type=link mode=0777 uid=0 gid=0 link=a\\040b
./z type=block mode=0644 uid=0 gid=0 device=native,8,1
`,
  );
  assert.is(printManifest(parse(text)), text);
});

test('hard links are counted and numbered in order of appearance, whatever the inode numbers were', () => {
  const text = print(
    file('d', { inode: 77, nlink: 9 }),
    file('c', { inode: 5000 }),
    file('a', { inode: 77 }),
    file('b', { inode: 5000 }),
    file('e', { inode: 1, nlink: 3 }),
  );
  const parsed = parse(text).entries.map(({ path, nlink, inode }) => [path, nlink, inode]);
  assert.equal(parsed.slice(1), [
    ['a', 2, 1],
    ['b', 2, 2],
    ['c', 2, 2],
    ['d', 2, 1],
    ['e', undefined, undefined],
  ]);
  assert.match(text, '\n#inode ./b 2\n');
});

test('names of one inode that differ in more than name and tags are refused', () => {
  assert.ok(print(file('a', { inode: 1, tags: ['config'] }), file('b', { inode: 1 })));
  refuses('image-invalid', './b: differs from the other names of inode 1', () =>
    print(file('a', { inode: 1 }), file('b', { inode: 1, mode: 0o600 })),
  );
  refuses('image-invalid', 'differs', () =>
    print(file('a', { inode: 1, xattrs: { 'user.x': bytes('1') } }), file('b', { inode: 1 })),
  );
  refuses('image-invalid', 'a directory has no hard links', () =>
    print({ ...dir('a'), inode: 1 }, { ...dir('b'), inode: 1 }),
  );
});

test('nothing is printed that would not parse', () => {
  const cases: [string, Entry][] = [
    ['path is not normalised', file('a/../b')],
    ['path is not normalised', file('/etc')],
    ['path is not normalised', file('a/')],
    ['path is not normalised', file('.')],
    ['NUL or is no byte string', file('a\0')],
    ['NUL or is no byte string', file('日')],
    ['path is too long', file('x'.repeat(256))],
    ['./a is not a directory before it', file('a/b')],
    ['size=-1: not a size', file('a', { size: -1 })],
    ['size=1.5: not a size', file('a', { size: 1.5 })],
    ['mode 32768: expected', file('a', { mode: 0o100000 })],
    ['uid=4294967295: not a user', file('a', { uid: 0xffffffff })],
    ['gid=NaN', file('a', { gid: Number.NaN })],
    ['sha256=', file('a', { sha256: sha256.toUpperCase() })],
    ['type=file has no link=', file('a', { link: 'x' })],
    ['type=file needs size=', { path: 'a', type: 'file', ...owned, sha256 }],
    ['type=char needs device=', { path: 'a', type: 'char', ...owned }],
    ['device=', { path: 'a', type: 'char', ...owned, device: { major: 4096, minor: 0 } }],
    ['type=toString', { path: 'a', type: 'toString' as 'dir', ...owned }],
    ['link= is empty', { path: 'a', type: 'link', ...owned, link: '' }],
    ['tags=', file('a', { tags: ['a b'] })],
    ['tags=', file('a', { tags: ['a', 'a'] })],
    ['#xattr', file('a', { xattrs: { '': bytes('') } })],
    [
      `needs a line of more than ${maxManifestLine} bytes`,
      file('a', { xattrs: { 'user.x': Buffer.alloc(65536) } }),
    ],
  ];
  for (const [words, entry] of cases) refuses('image-invalid', words, () => print(entry));
  refuses('image-invalid', './a: duplicate', () => print(file('a'), file('a')));
  refuses('image-invalid', 'no entries', () => printManifest({ header, entries: [] }));
  refuses('image-invalid', 'expected the root', () => printManifest({ header, entries: [file('a')] }));
});

test('a header names the image that package, version and stamp make', () => {
  const wrong: [string, Partial<Manifest['header']>][] = [
    ['#package', { package: '../x' }],
    ['#version', { version: '1-2' }],
    ['#stamp', { stamp: 'r26.13-G22095100' }],
    [
      '#image other-v1.0-r26.11-G22095100.img: expected web-v1.0',
      { image: 'other-v1.0-r26.11-G22095100.img' },
    ],
    ['#size', { size: -1 }],
    ['#sha256', { sha256: 'A'.repeat(64) }],
  ];
  for (const [words, part] of wrong) {
    const bad = { ...header, ...part };
    refuses('image-invalid', words, () => printManifest({ header: bad, entries: [root] }));
    const text = `#mtree\n#package ${bad.package}\n#version ${bad.version}\n#stamp ${bad.stamp}\n#image ${bad.image}\n#size ${bad.size}\n#sha256 ${bad.sha256}\n${rootLine}\n`;
    refuses('image-invalid', words, () => parse(text));
  }
  refuses('image-invalid', 'x.lst:3: expected #version', () => parse('#mtree\n#package web\n'));
  refuses('image-invalid', 'x.lst:1: expected #mtree', () => parse(''));
  refuses('image-invalid', 'x.lst:6: not in canonical form, expected #size 4096', () =>
    parse(`${head.replace('4096', '04096')}\n${rootLine}\n`),
  );
});

const line = `type=file mode=0644 uid=0 gid=0 size=1 sha256=${sha256}`;
const hostile: [string, string[]][] = [
  ['x.lst:10: ./a: not sorted', [`./b ${line}`, `./a ${line}`]],
  ['x.lst:10: ./a: duplicate', [`./a ${line}`, `./a ${line}`]],
  ['x.lst:9: ./a/../b: path is not normalised', [`./a/../b ${line}`]],
  ['x.lst:9: ./../b: path is not normalised', [`./../b ${line}`]],
  ['x.lst:9: .//b: path is not normalised', [`.//b ${line}`]],
  ['x.lst:9: /etc/x', [`/etc/x ${line}`]],
  ['expected a path that begins with ./', [`etc ${line}`]],
  ['not in canonical form, expected ./a\\052', [`./a* ${line}`]],
  ['not in canonical form, expected ./a\\133', [`./a[ ${line}`]],
  ['not in canonical form, expected ./a\\077', [`./a? ${line}`]],
  ['not in canonical form, expected ./a\\134', [`./a\\ ${line}`]],
  ['not in canonical form, expected ./a ', [`./\\141 ${line}`]],
  ['not in canonical form, expected ./\\351', [`./\xe9 ${line}`]],
  ['size=-1: expected a number', [`./a ${line.replace('size=1', 'size=-1')}`]],
  ['size=99999999999999999: expected a number', [`./a ${line.replace('size=1', 'size=99999999999999999')}`]],
  ['size=1 ', [`./a ${line.replace('size=1', 'size=01')}`]],
  ['mode=99999: expected octal digits', [`./a ${line.replace('0644', '99999')}`]],
  ['mode 32767: expected at most 07777', [`./a ${line.replace('0644', '77777')}`]],
  ['mode=0644', [`./a ${line.replace('0644', '644')}`]],
  ['flags=none: unknown keyword', [`./a ${line} flags=none`]],
  ['optional: unknown keyword', [`./a ${line} optional`]],
  ['x.lst:9: : unknown keyword', [`./a  ${line}`]],
  ['x.lst:9: : unknown keyword', [`./a ${line} `]],
  ['type=door: expected one of', [`./a ${line.replace('file', 'door')}`]],
  ['no uid=', ['./a type=dir mode=0755 gid=0']],
  ['not in canonical form', [`./a ${line.replace('uid=0 gid=0', 'gid=0 uid=0')}`]],
  ['not in canonical form', [`./a ${line} size=1`]],
  [
    'sha256=',
    [`./a ${line.toUpperCase().replace(/.*SHA256=/, 'type=file mode=0644 uid=0 gid=0 size=1 sha256=')}`],
  ],
  ['not 64 lower-case hex digits', [`./a ${line.slice(0, -1)}`]],
  ['not 64 lower-case hex digits', [`./a ${line}\r`]],
  ['type=file needs sha256=', ['./a type=file mode=0644 uid=0 gid=0 size=1']],
  ['x.lst:10: ./a/b: ./a is not a directory before it', [`./a ${line}`, `./a/b ${line}`]],
  ['holds a NUL', [`./a\\000 ${line}`]],
  ['holds a NUL', [`./a\0 ${line}`]],
  ['path is too long', [`./${'a'.repeat(256)} ${line}`]],
  [`x.lst:9: line longer than ${maxManifestLine} bytes`, [`./${'a'.repeat(maxManifestLine)} ${line}`]],
  ['x.lst:9: : expected a path', ['', `./a ${line}`]],
  ['x.lst:9: #note: expected', ['#note']],
  ['/set type=file: expected a path', ['/set type=file']],
  ['device=8,1: expected native', ['./a type=block mode=0644 uid=0 gid=0 device=8,1']],
  ['x.lst:10: not in canonical form, expected #xattr ./a ', [`./a ${line}`, '#xattr ./b user.x=AA==']],
  ['not in canonical form', [`./a ${line}`, '#xattr ./a user.x=AA']],
  ['not in canonical form', [`./a ${line}`, '#xattr ./a user.x=A!A==']],
  ['x.lst:10: not in canonical form', [`./a ${line}`, '#xattr ./a user.y=AA==', '#xattr ./a user.x=AA==']],
  ['x.lst:11: not in canonical form', [`./a ${line}`, '#xattr ./a user.x=AA==', '#xattr ./a user.x=AA==']],
  ['nlink= and #inode come together', [`./a ${line} nlink=2`]],
  ['nlink= and #inode come together', [`./a ${line}`, '#inode ./a 1']],
  ['nlink=1: expected 2 or more', [`./a ${line} nlink=1`, '#inode ./a 1']],
  ['#inode 2: inodes are numbered from 1', [`./a ${line} nlink=2`, '#inode ./a 2']],
  ['inode 1 has 1 names, nlink says 2', [`./a ${line} nlink=2`, '#inode ./a 1']],
  ['tags=', [`./a ${line} tags=`]],
  ['tags=', [`./a ${line} tags=a,a`]],
  ['not in canonical form', [`./a ${line} tags=b,a`]],
];

test('everything but the canonical form is refused with file, line and cause', () => {
  for (const [words, lines] of hostile)
    refuses('image-invalid', words, () => parse([head, rootLine, ...lines, ''].join('\n')));
  refuses('image-invalid', 'x.lst:9: the last line has no newline', () =>
    parse(`${head}\n${rootLine}\n./a ${line}`),
  );
  refuses('image-invalid', 'no entries', () => parse(`${head}\n`));
  refuses('image-invalid', 'expected the root', () => parse(`${head}\n./a ${line}\n`));
});

test('a message holds no byte that a terminal would obey', () => {
  const error = refuses('image-invalid', '\\033', () => parse(`${head}\n${rootLine}\n./a \x1b[31m\n`));
  assert.not.match(error.message, '\x1b');
});

const name = fc.oneof(
  fc.constantFrom('a', 'b', 'a-b', 'a b', '*', '\\', '#x', '[', '=', '~'),
  fc.uint8Array({ minLength: 1, maxLength: 4 }).map(value =>
    Buffer.from(value)
      .toString('latin1')
      .replace(/[\0/.]/g, 'x'),
  ),
);
const id = fc.integer({ min: 0, max: 0xfffffffe });
const bytesOf = fc.uint8Array({ maxLength: 5 });
const leaf: fc.Arbitrary<Omit<Entry, 'path'>> = fc
  .tuple(
    fc.oneof(
      fc.record({
        type: fc.constant('file' as const),
        size: fc.maxSafeNat(),
        sha256: fc.stringMatching(/^[0-9a-f]{64}$/),
      }),
      fc.record({ type: fc.constant('link' as const), link: name }),
      fc.record({
        type: fc.constantFrom('char' as const, 'block' as const),
        device: fc.record({ major: fc.nat(4095), minor: fc.nat(0xfffff) }, { noNullPrototype: true }),
      }),
      fc.record({ type: fc.constantFrom('dir' as const, 'fifo' as const, 'socket' as const) }),
    ),
    fc.record({ mode: fc.nat(0o7777), uid: id, gid: id }),
    fc.record(
      {
        tags: fc
          .uniqueArray(fc.constantFrom('config', 'setuid', 'x-1'), { minLength: 1 })
          .map(tags => tags.sort()),
        xattrs: fc.dictionary(
          fc.constantFrom('user.a', 'security.capability', 'user.=', '1', '__proto__'),
          bytesOf,
          { minKeys: 1 },
        ),
      },
      { requiredKeys: [] },
    ),
  )
  .map(([kind, owner, more]) => ({ ...kind, ...owner, ...more }));

/** Trees: a name goes below some directory made before it; some files get a second name. */
const tree: fc.Arbitrary<Entry[]> = fc
  .array(fc.tuple(name, leaf, fc.nat(), fc.boolean()), { maxLength: 12 })
  .map(parts => {
    const entries = new Map<string, Entry>([['', root]]);
    for (const [name, leaf, at, twice] of parts) {
      const dirs = [...entries.values()].filter(({ type }) => type === 'dir');
      const parent = dirs[at % dirs.length]?.path ?? '';
      const path = parent === '' ? name : `${parent}/${name}`;
      if (entries.has(path)) continue;
      const linked = twice && leaf.type !== 'dir' && !entries.has(`${path}+`);
      const entry = linked ? { ...leaf, inode: 1000 + at } : leaf;
      const shared = linked && [...entries.values()].some(({ inode }) => inode === entry.inode);
      if (shared) continue;
      entries.set(path, { ...entry, path });
      if (linked) entries.set(`${path}+`, { ...entry, path: `${path}+` });
    }
    return [...entries.values()];
  });

test('any tree prints to ASCII that parses to the same tree and prints the same', () => {
  fc.assert(
    fc.property(tree, entries => {
      const text = printManifest({ header, entries });
      assert.match(text, /^[ -~\n]*$/);
      const parsed = parse(text);
      assert.is(printManifest(parsed), text);
      const byPath = new Map(parsed.entries.map(entry => [entry.path, entry]));
      assert.is(byPath.size, entries.length);
      for (const { nlink: _, inode, ...entry } of entries) {
        const { nlink, inode: ordinal, ...back } = byPath.get(entry.path) as Entry;
        assert.equal(
          [nlink !== undefined, ordinal !== undefined],
          [inode !== undefined, inode !== undefined],
        );
        assert.equal(normal(back), normal(entry));
      }
    }),
    { numRuns: 500 },
  );
});

test('mutated bytes are refused, or are a canonical manifest', () => {
  const mutation = fc.tuple(
    fc.nat(),
    fc.oneof(fc.nat(255), fc.constantFrom(0x0a, 0x20, 0x2f, 0x2e, 0x5c, 0x30, 0x39)),
  );
  fc.assert(
    fc.property(
      tree,
      fc.array(mutation, { minLength: 1, maxLength: 3 }),
      fc.nat(3),
      (entries, mutations, cut) => {
        const text = bytes(printManifest({ header, entries }));
        for (const [at, byte] of mutations) text[at % text.length] = byte;
        const mutated = cut === 0 ? text.subarray(0, (mutations[0]?.[0] ?? 0) % text.length) : text;
        const parsed = orRefused('image-invalid', () => parse(mutated));
        if (parsed !== null) assert.ok(bytes(printManifest(parsed)).equals(mutated));
      },
    ),
    { numRuns: 2000 },
  );
});

test('random bytes are refused', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 300 }),
      raw => orRefused('image-invalid', () => parse(raw)) === null,
    ),
  );
});

function normal({ xattrs, ...entry }: Omit<Entry, 'inode' | 'nlink'>): unknown {
  const values = Object.entries(xattrs ?? {}).map(([key, value]) => [
    key,
    Buffer.from(value).toString('hex'),
  ]);
  return { ...entry, xattrs: values.sort() };
}

test.run();
