// limit: 300s
import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { contract, errno, names, python, text, tree } from './union.ts';

const test = suite('union: rename, identity and directories');

contract(
  test,
  '37 a renamed lower file leaves a whiteout and keeps what it is',
  [{ f: 'text', 'd/x': '' }],
  async union => {
    const { ino } = statSync(union.at('f'));
    renameSync(union.at('f'), union.at('d/g'));
    assert.equal(
      [text(union.at('d/g')), text(union.at('f')), statSync(union.at('d/g')).ino],
      ['text', 'ENOENT', ino],
    );
    assert.equal(
      [lstatSync(`${union.upper}/f`).isCharacterDevice(), lstatSync(`${union.upper}/f`).rdev],
      [true, 0],
    );
    await union.remount();
    assert.equal([text(union.at('d/g')), names(union.merged)], ['text', ['d']]);
  },
);

contract(
  test,
  '38 39 a directory is renamed whole or not at all, and mv copes',
  [{ 'low/f': 'f', 'low/g/h': 'h' }],
  union => {
    mkdirSync(union.at('own'));
    writeFileSync(union.at('own/f'), 'own');
    renameSync(union.at('own'), union.at('own2'));
    assert.is(text(union.at('own2/f')), 'own');
    const before = tree(union.upper);
    assert.is(
      errno(() => renameSync(union.at('low'), union.at('low2'))),
      'EXDEV',
    );
    assert.equal(tree(union.upper), before);
    execFileSync('mv', [union.at('low'), union.at('low2')]);
    assert.equal(
      [text(union.at('low2/f')), text(union.at('low2/g/h')), names(union.merged)],
      ['f', 'h', ['low2', 'own2']],
    );
  },
);

contract(
  test,
  '41 directories over directories, files and themselves',
  [{ 'empty/x': '', 'full/x': '', file: '' }],
  union => {
    for (const name of ['a', 'b', 'c']) mkdirSync(union.at(`${name}/in`), { recursive: true });
    unlinkSync(union.at('empty/x'));
    renameSync(union.at('a'), union.at('empty'));
    assert.equal([names(union.at('empty')), text(union.at('empty/x'))], [['in'], 'ENOENT']);
    assert.is(
      errno(() => renameSync(union.at('b'), union.at('full'))),
      'ENOTEMPTY',
    );
    assert.is(
      errno(() => renameSync(union.at('b'), union.at('b/in/b'))),
      'EINVAL',
    );
    assert.is(
      errno(() => renameSync(union.at('file'), union.at('b'))),
      'EISDIR',
    );
    assert.is(
      errno(() => renameSync(union.at('b'), union.at('file'))),
      'ENOTDIR',
    );
    rmSync(union.at('full'), { recursive: true });
    renameSync(union.at('c'), union.at('full'));
    assert.equal([names(union.at('full')), names(union.merged)], [['in'], ['b', 'empty', 'file', 'full']]);
  },
);

contract(
  test,
  '42 without replacing, exchanging, and what may be refused',
  [{ l: 'lower', m: 'other' }],
  async union => {
    writeFileSync(union.at('u'), 'upper');
    mkdirSync(union.at('d'));
    assert.equal(
      python(
        union,
        `
result([code(lambda: renameat2('l', 'u', 1)), code(lambda: renameat2('l', 'new', 1)), code(lambda: renameat2('u', 'm', 2)),
        code(lambda: renameat2('d', 'm', 2)), code(lambda: renameat2('d', 'none', 2)), code(lambda: renameat2('u', 'v', 8))])`,
      ),
      ['EEXIST', 0, 0, 0, 'ENOENT', 'EINVAL'],
    );
    await union.remount();
    assert.equal(
      [text(union.at('new')), text(union.at('u')), text(union.at('d')), names(union.at('m'))],
      ['lower', 'other', 'upper', []],
    );
  },
);

contract(
  test,
  '43 the replaced file stays with who has it open; onto its own link nothing changes',
  [{ old: 'old', new: 'new' }],
  union => {
    // Of a lower file the kernel shows the links that it has in its layer.
    assert.equal(
      python(
        union,
        `
f = os.open('old', os.O_RDONLY)
os.rename('new', 'old')
os.link('old', 'link'); os.rename('link', 'old')
result([os.pread(f, 9, 0).decode(), ${union.backend === 'fuse' ? 'os.fstat(f).st_nlink' : 0}, open('old').read(), sorted(os.listdir('.'))])`,
      ),
      ['old', 0, 'new', ['link', 'old']],
    );
  },
);

const dozens = Object.fromEntries(Array.from({ length: 48 }, (_, at) => [`f${at}`, String(at)]));
contract(test, '44 renames in a circle end with the exact names', [dozens], async union => {
  renameSync(union.at('f0'), union.at('spare'));
  for (let at = 1; at < 48; at++) renameSync(union.at(`f${at}`), union.at(`f${at - 1}`));
  renameSync(union.at('spare'), union.at('f47'));
  await union.remount();
  assert.equal(names(union.merged), Object.keys(dozens).sort());
  assert.equal(
    names(union.merged).map(name => text(union.at(name))),
    names(union.merged).map(name => String((Number(name.slice(1)) + 1) % 48)),
  );
});

contract(
  test,
  '45 47 one st_dev, and numbers that stay, in st_ino and d_ino',
  [
    { f: 'f', 'd/x': 'x', 'd/y/z': '' },
    { 'd/w': '', 'e/v': '' },
  ],
  async union => {
    const look = () =>
      python<[string, number, number, number][]>(
        union,
        `
out = []
for where, _, _ in os.walk('.'):
  for entry in os.scandir(where):
    st = os.lstat(entry.path)
    out.append([entry.path, st.st_ino, st.st_dev, entry.inode() - st.st_ino])
result(sorted(out))`,
      );
    const before = look();
    assert.is(new Set(before.map(([, , device]) => device)).size, 1);
    assert.is(new Set(before.map(([, inode]) => inode)).size, before.length);
    python(
      union,
      `os.chmod('f', 0o600); os.chmod('d/y', 0o700); open('d/x', 'a').write('+'); os.chmod('e/v', 0o600); result(0)`,
    );
    await union.remount();
    assert.equal(
      look().map(([path, inode, , off]) => [path, inode, off]),
      before.map(([path, inode]) => [path, inode, 0]),
    );
  },
);

contract(test, '45 a link in a new directory keeps its number', [{ f: 'f' }], async union => {
  mkdirSync(union.at('d'));
  linkSync(union.at('f'), union.at('d/l'));
  unlinkSync(union.at('f'));
  const { ino } = statSync(union.at('d/l'));
  await union.remount();
  assert.is(statSync(union.at('d/l')).ino, ino);
});

contract(
  test,
  '46 layers on two file systems with equal numbers show unique ones',
  [{ f: '' }],
  async union => {
    await union.unmount();
    const places = ['t1', 't2'].map(name => `${union.scratch}/${name}`);
    try {
      for (const [at, place] of places.entries()) {
        mkdirSync(place);
        execFileSync('mount', ['-t', 'tmpfs', 'tmp', place]);
        for (let count = 0; count < 20; count++) writeFileSync(`${place}/f${at}-${count}`, '');
      }
      await union.mount(`lowerdir=${places.join(':')},upperdir=${union.upper},workdir=${union.work}`);
      const seen = readdirSync(union.merged).map(name => {
        const { dev, ino } = statSync(union.at(name), { bigint: true });
        return union.backend === 'fuse' ? `${ino}` : `${dev}:${ino}`;
      });
      assert.is(new Set(seen).size, 40);
      await union.unmount();
    } finally {
      for (const place of places) execFileSync('umount', ['--lazy', place]);
    }
  },
);

contract(test, '49 statfs shows the upper, and the longest name that can be made', [{ f: '' }], union => {
  const [free, longest, made, tooLong] = python<[boolean, number, number, string]>(
    union,
    `
a, b = os.statvfs('.'), os.statvfs('${union.upper}')
n = 'n' * a.f_namemax
os.close(os.open(n, os.O_CREAT, 0o600))
result([abs(a.f_bfree - b.f_bfree) < 100000, a.f_namemax, os.stat(n).st_size, code(lambda: os.open(n + 'n', os.O_CREAT, 0o600))])`,
  );
  assert.equal([free, longest, made, tooLong], [true, 255, 0, 'ENAMETOOLONG']);
});

const many = Array.from({ length: 8 }, (_, layer) =>
  Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`d/f${at + layer * 400}`, ''])),
);
contract(test, '50 52 each name once, also while names go', many, union => {
  writeFileSync(union.at('d/own'), '');
  unlinkSync(union.at('d/f0'));
  const [first, second, left] = python<[number, number, number]>(
    union,
    `
listed = os.listdir('d')
seen = []
with os.scandir('d') as entries:
  for at, entry in enumerate(entries):
    seen.append(entry.name)
    if at % 3 == 0: os.unlink('d/' + entry.name)
    elif at % 3 == 1: os.rename('d/' + entry.name, 'd/r-' + entry.name)
seen = [name for name in seen if not name.startswith('r-')]
result([len(listed) - len(set(listed)), len(set(listed)) - len(set(seen)), len(os.listdir('d'))])`,
  );
  assert.equal([first, second], [0, 0]);
  assert.is(left, 3300 - Math.ceil(3300 / 3));
});

contract(
  test,
  '51 a position in an open directory stays exact, and rewinding reads anew',
  [Object.fromEntries(Array.from({ length: 100 }, (_, at) => [`f${at}`, '']))],
  union => {
    const [same, anew] = python<[boolean, boolean]>(
      union,
      `
libc.fdopendir.restype = ctypes.c_void_p
libc.readdir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
d = ctypes.c_void_p(libc.fdopendir(os.open('.', os.O_RDONLY)))
def read():
  entry = libc.readdir(d)
  return ctypes.string_at(entry + 19).decode() if entry else None
for _ in range(30): read()
here = ctypes.c_long(libc.telldir(d))
rest = []
while (name := read()): rest.append(name)
libc.seekdir(d, here)
again = []
while (name := read()): again.append(name)
os.unlink('f7'); os.close(os.open('new', os.O_CREAT, 0o600))
libc.rewinddir(d)
names = []
while (name := read()): names.append(name)
result([rest == again and len(rest) == 72, 'new' in names and 'f7' not in names])`,
    );
    assert.equal([same, anew], [true, true]);
  },
);

contract(
  test,
  '53 links of a directory are 1 or 2 and its subdirectories',
  [{ 'd/a/x': '', 'd/b/x': '', 'e/x': '' }, { 'd/c/x': '' }],
  union => {
    mkdirSync(union.at('own/sub'), { recursive: true });
    for (const [name, subdirectories] of [
      ['d', 3],
      ['e', 0],
      ['own', 1],
    ] as const)
      assert.ok([1, 2 + subdirectories].includes(statSync(union.at(name)).nlink), name);
  },
);

test.run();
