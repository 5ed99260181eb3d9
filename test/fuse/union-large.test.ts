// limit: 300s
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';
import {
  contract,
  errno,
  type Files,
  makeUnion,
  names,
  noUnion,
  over,
  python,
  servers,
  text,
} from './union.ts';

const test = suite('union: much and long');
const it = needs(test, noUnion);

// The kernel's own (6.18) fills the holes on ext4: five gigabytes.
it('25 a file beyond 2 and 4 GiB is copied up whole, with its holes', async () => {
  await using union = await makeUnion('fuse', [{ f: '' }], null);
  const low = `${union.scratch}/low`;
  mkdirSync(low);
  const marks = [2 ** 31 - 2, 2 ** 31 + 4096, 2 ** 32 - 2, 2 ** 32 + 8192, 5 * 2 ** 30];
  python(
    { merged: low },
    `
f = os.open('big', os.O_RDWR | os.O_CREAT)
os.write(f, b'start')
for at in ${JSON.stringify(marks)}: os.pwrite(f, b'here%d' % at, at)
result(0)`,
  );
  await union.mount(over([low], union.scratch));
  chmodSync(union.at('big'), 0o600);
  const copy = statSync(`${union.upper}/big`);
  assert.equal([copy.size, copy.blocks < 2000], [5 * 2 ** 30 + 14, true]);
  assert.equal(
    python(
      union,
      `
f = os.open('big', os.O_RDWR)
seen = [os.pread(f, 5, 0).decode()] + [os.pread(f, 4 + len(str(at)), at).decode() for at in ${JSON.stringify(marks)}]
os.pwrite(f, b'more', 6 << 30)
with mmap.mmap(f, 4096, offset=1 << 32) as m: m[0:3] = b'map'
os.fsync(f)
result(seen + [os.fstat(f).st_size, os.pread(f, 3, 1 << 32).decode(), os.lseek(f, (2 << 30) + 8192, os.SEEK_DATA) < (1 << 32), os.pread(f, 4, 3 << 30).hex()])`,
    ),
    ['start', ...marks.map(at => `here${at}`), 6 * 2 ** 30 + 4, 'map', true, '00000000'],
  );
});

/** Each layer has some names of the one below it. */
const layers: readonly Files[] = Array.from({ length: 8 }, (_, layer) =>
  Object.fromEntries(Array.from({ length: 1400 }, (_, at) => [`d/f${layer * 1230 + at}`, String(layer)])),
);

contract(test, '47 50 10,000 entries in 8 layers, each once, with its type and number', layers, union => {
  writeFileSync(union.at('d/own'), '');
  mkdirSync(union.at('d/sub'));
  symlinkSync('x', union.at('d/link'));
  const expected = new Map<string, string>();
  for (const files of layers.toReversed())
    for (const [path, content] of Object.entries(files)) expected.set(path, content ?? '');
  const [count, twice, wrong, sizes] = python<[number, number, string[], number]>(
    union,
    `
seen, wrong = [], []
with os.scandir('d') as entries:
  for entry in entries:
    seen.append(entry.name)
    st = os.lstat(entry.path)
    kind = 'd' if entry.is_dir(follow_symlinks=False) else 'l' if entry.is_symlink() else 'f'
    if entry.inode() != st.st_ino or kind != {stat.S_IFDIR: 'd', stat.S_IFLNK: 'l', stat.S_IFREG: 'f'}[stat.S_IFMT(st.st_mode)]: wrong.append(entry.name)
result([len(seen), len(seen) - len(set(seen)), wrong[:9], sum(name.startswith('f') for name in seen)])`,
  );
  assert.equal([count, twice, wrong, sizes], [expected.size + 3, 0, [], expected.size]);
  for (const at of [0, 1300, 2500, 5000, 9999])
    assert.is(text(union.at(`d/f${at}`)), expected.get(`d/f${at}`));
});

const few: readonly Files[] = [0, 1, 2].map(layer =>
  Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`d/f${at + layer * 700}`, ''])),
);
contract(test, '51 52 positions and listings hold while names come, go and change', few, union => {
  const [places, kept, ended, anew] = python<[number, string[], boolean, boolean]>(
    union,
    `
import random
libc.fdopendir.restype = ctypes.c_void_p
libc.readdir.restype = ctypes.c_void_p
libc.telldir.restype = ctypes.c_long
fd = os.open('d', os.O_RDONLY)
d = ctypes.c_void_p(libc.fdopendir(fd))
def read():
  entry = libc.readdir(d)
  return ctypes.string_at(entry + 19).decode() if entry else None
before = []
while True:
  at = libc.telldir(d)
  name = read()
  if name is None: break
  before.append((at, name))
rand = random.Random(3)
wrong = 0
for at, name in rand.sample(before, 300):
  libc.seekdir(d, ctypes.c_long(at))
  wrong += read() != name
# Half of them change while a second listing is under way; those that do not have to show, once each.
libc.rewinddir(d)
seen = []
for step in range(200000):
  name = read()
  if name is None: break
  seen.append(name)
  if name.startswith('f') and int(name[1:]) % 4 == 0: os.rename('d/' + name, 'd/moved-%s-%d' % (name, step))
  if name.startswith('f') and int(name[1:]) % 4 == 1: os.unlink('d/' + name)
  # What the kernel forgets in between, too.
  if step % 400 == 0: open('/proc/sys/vm/drop_caches', 'w').write('2')
  if step % 5 == 0: os.close(os.open('d/added-%d' % step, os.O_CREAT, 0o600))
still = ['f%d' % at for at in range(2400) if at % 4 > 1]
kept = [name for name in still if seen.count(name) != 1]
libc.rewinddir(d)
anew = []
while (name := read()): anew.append(name)
result([wrong, kept[:9], step < 199999, sorted(anew) == sorted(os.listdir('d') + ['.', '..'])])`,
  );
  assert.equal([places, kept, ended, anew], [0, [], true, true]);
});

contract(
  test,
  '50 52 a listing goes on when the kernel has dropped its copy',
  [Object.fromEntries(Array.from({ length: 3000 }, (_, at) => [`d/f${at}`, '']))],
  union => {
    assert.equal(
      python(
        union,
        `
# Twice: the kernel keeps what it has seen twice.
listed = sorted(os.listdir('d')); os.listdir('d')
seen = []
with os.scandir('d') as entries:
  for at, entry in enumerate(entries):
    seen.append(entry.name)
    if at in (500, 1500): open('/proc/sys/vm/drop_caches', 'w').write('3')
    if at < 400: os.unlink('d/' + entry.name)
result([len(listed), sorted(seen) == listed, len(os.listdir('d'))])`,
      ),
      [3000, true, 2600],
    );
  },
);

/** All kinds of objects go round by one name, some of them of the lower. */
const circle = Array.from({ length: 32 }, (_, at) => at);
contract(
  test,
  '44 lower files, links, symlinks and new directories change places in a circle',
  [Object.fromEntries(circle.filter(at => at % 4 === 0).map(at => [`n${at}`, `file ${at}`]))],
  async union => {
    for (const at of circle) {
      if (at % 4 === 1) execFileSync('ln', [union.at(`n${at - 1}`), union.at(`n${at}`)]);
      if (at % 4 === 2) symlinkSync(`target ${at}`, union.at(`n${at}`));
      if (at % 4 === 3) {
        mkdirSync(union.at(`n${at}`));
        writeFileSync(union.at(`n${at}/in`), `in ${at}`);
      }
    }
    for (let round = 0; round < 3; round++) {
      renameSync(union.at('n0'), union.at('spare'));
      for (const at of circle.slice(1)) renameSync(union.at(`n${at}`), union.at(`n${at - 1}`));
      renameSync(union.at('spare'), union.at(`n${circle.length - 1}`));
    }
    const look = () =>
      python<string[]>(
        union,
        `
def show(name):
  if os.path.islink(name): return os.readlink(name)
  return open(name + '/in').read() if os.path.isdir(name) else '%s has %d' % (open(name).read(), os.stat(name).st_nlink)
result([show('n%d' % at) for at in range(32)] + sorted(os.listdir('.'))[-1:])`,
      );
    const expected = [...circle.slice(3), ...circle.slice(0, 3)].map(at =>
      at % 4 < 2 ? `file ${at - (at % 4)} has 2` : at % 4 === 2 ? `target ${at}` : `in ${at}`,
    );
    assert.equal(look(), [...expected, 'n9']);
    await union.remount();
    assert.equal(look(), [...expected, 'n9']);
  },
);

contract(
  test,
  '73 4,095 bytes of relative path at any depth, of a target, and not one more',
  [{ f: '' }],
  union => {
    assert.equal(
      python(
        union,
        `
for depth in range(20):
  os.mkdir('p' * 255); os.chdir('p' * 255)
path = '/'.join(['d' * 255] * 15)
os.makedirs(path)
last = path + '/' + 'x' * 255
assert len(last) == 4095
open(last, 'w').write('text')
os.rename(last, last[:-1] + 'y')
last = last[:-1] + 'y'
os.setxattr(last, 'user.k', b'v'); os.chmod(last, 0o640); os.link(last, 'short')
os.symlink(last, 'link'); os.symlink('t' * 4095, 'dangling')
longer = path + '/' + 'x' * 256
calls = [lambda: os.open(longer, os.O_CREAT), lambda: os.stat(longer), lambda: os.mkdir(longer), lambda: os.rename('short', longer), lambda: os.unlink(longer),
  lambda: os.symlink('t' * 4096, 'l'), lambda: os.link('short', 'n' * 256), lambda: os.stat('n' * 256)]
os.unlink(last[:-1] + 'y')
result([open('short').read(), len(os.readlink('link')), len(os.readlink('dangling')), sorted(set(code(call) for call in calls))])`,
      ),
      ['text', 4095, 4095, ['ENAMETOOLONG']],
    );
  },
);

const resident = (pid: number): number =>
  Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);

it('48 what was looked up and forgotten over and over leaves the server no larger', async () => {
  const many = Object.fromEntries(Array.from({ length: 4000 }, (_, at) => [`d${at % 40}/f${at}`, '']));
  const before = process.env.NODE_OPTIONS;
  // What JavaScript has not collected yet would hide what it cannot collect.
  process.env.NODE_OPTIONS = '--max-semi-space-size=1 --max-old-space-size=40';
  try {
    await using union = await makeUnion('fuse', [many]);
    const [pid = 0] = servers(union.scratch);
    for (let at = 0; at < 4000; at += 2) chmodSync(union.at(`d${at % 40}/f${at}`), 0o600);
    const sizes: number[] = [];
    for (let round = 0; round < 20; round++) {
      python(union, `result(sum(len([os.lstat(w + '/' + n) for n in f]) for w, _, f in os.walk('.')))`);
      writeFileSync('/proc/sys/vm/drop_caches', '2');
      await sleep(50);
      sizes.push(resident(pid));
    }
    // 200 bytes for each of 4,000 nodes in ten rounds would be 8 MB.
    assert.ok(Math.min(...sizes.slice(-5)) < Math.max(...sizes.slice(5, 10)) + 3000, `${sizes.join(' ')} kB`);
  } finally {
    if (before === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = before;
  }
});

it('48 numbers are not given again while somebody holds them', async () => {
  await using union = await makeUnion('fuse', [{ f: '' }]);
  const [all, own] = python<[number, number]>(
    union,
    `
held, numbers = [], []
for at in range(400):
  f = os.open('n', os.O_CREAT | os.O_RDWR, 0o600); os.unlink('n')
  held.append(f); numbers.append(os.fstat(f).st_ino)
result([len(numbers), len(set(numbers))])`,
  );
  assert.is(own, all);
  assert.is(
    errno(() => names(union.merged).length),
    1,
  );
});

test.run();
