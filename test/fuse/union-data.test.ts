// limit: 300s
import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, mkdirSync, readlinkSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { contract, errno, names, python, text } from './union.ts';

const test = suite('union: data, permissions and attributes');

for (const begin of ['new', 'lower'] as const)
  contract(
    test,
    `54 reads, writes, mappings, holes and sizes agree with a model (${begin})`,
    [{ lower: 'l'.repeat(70_000) }],
    union => {
      assert.is(
        python(
          union,
          `
import random
rand = random.Random(7)
model = bytearray(open('lower', 'rb').read()) if '${begin}' == 'lower' else bytearray()
f = os.open('${begin}', os.O_RDWR | os.O_CREAT, 0o600)
LIMIT = 200000
wrong = []
for step in range(1500):
  at, size = rand.randrange(LIMIT), rand.randrange(1, 20000)
  do = rand.randrange(7)
  if do == 0:
    data = bytes([rand.randrange(256)]) * size
    os.pwrite(f, data, at)
    if len(model) < at: model.extend(bytes(at - len(model)))
    model[at:at + size] = data
  elif do == 1:
    if os.pread(f, size, at) != bytes(model[at:at + size]): wrong.append((step, 'read', at, size))
  elif do == 2:
    os.ftruncate(f, at)
    if at < len(model): del model[at:]
    else: model.extend(bytes(at - len(model)))
  elif do == 3:
    fallocate(f, 3, at, size)
    end = min(len(model), at + size)
    if at < end: model[at:end] = bytes(end - at)
  elif do == 4 and len(model):
    with mmap.mmap(f, len(model)) as m:
      at %= len(model); size = min(size, len(model) - at)
      m[at:at + size] = bytes([step % 256]) * size
    model[at:at + size] = bytes([step % 256]) * size
  elif do == 5 and len(model):
    with mmap.mmap(f, len(model), mmap.MAP_SHARED, mmap.PROT_READ) as m:
      if m[:] != bytes(model): wrong.append((step, 'map'))
  elif do == 6 and os.fstat(f).st_size != len(model): wrong.append((step, 'size'))
  if wrong: break
os.fsync(f)
result(wrong == [] and open('${begin}', 'rb').read() == bytes(model) and len(model) > 0)`,
        ),
        true,
      );
    },
  );

contract(test, '55 two appenders lose nothing', [{ f: 'start\n' }], union => {
  const lines = python<number>(
    union,
    `
pids = []
for who in range(2):
  pid = os.fork()
  if pid == 0:
    f = os.open('f', os.O_WRONLY | os.O_APPEND)
    for at in range(300): os.write(f, b'%d-%d\\n' % (who, at))
    os._exit(0)
  pids.append(pid)
for pid in pids: os.waitpid(pid, 0)
result(len(set(open('f').read().split())))`,
  );
  assert.is(lines, 601);
});

contract(
  test,
  '58 59 syncing, holes and copies in the kernel',
  [{ f: 'data', 'd/x': '' }, { 'd/y': '' }],
  union => {
    assert.equal(
      python(
        union,
        `
f = os.open('f', os.O_RDWR); os.fsync(f); os.fdatasync(f)
d = os.open('d', os.O_RDONLY); os.fsync(d)
os.close(os.open('d/new', os.O_CREAT, 0o600)); os.fsync(d); libc_call(libc.syncfs(d))
s = os.open('s', os.O_RDWR | os.O_CREAT, 0o600)
os.ftruncate(s, 1 << 20); os.pwrite(s, b'here', 1 << 19)
g = os.open('g', os.O_RDWR | os.O_CREAT, 0o600)
copied = os.copy_file_range(f, g, 4)
result([os.lseek(s, 0, os.SEEK_DATA) in (0, 1 << 19), code(lambda: os.lseek(s, 1 << 20, os.SEEK_DATA)), copied, os.pread(g, 9, 0).decode()])`,
      ),
      [true, 'ENXIO', 4, 'data'],
    );
  },
);

contract(test, '59 what a mapping wrote is data', [{ f: 'f' }], union => {
  assert.equal(
    python(
      union,
      `
f = os.open('s', os.O_RDWR | os.O_CREAT, 0o600)
os.ftruncate(f, 1 << 20)
with mmap.mmap(f, 1 << 20) as m:
  m[1 << 19] = 1
  data = os.lseek(f, 0, os.SEEK_DATA)
  result([data <= 1 << 19 < os.lseek(f, data, os.SEEK_HOLE), os.lseek(f, 0, os.SEEK_END)])`,
    ),
    [true, 1 << 20],
  );
});

contract(test, '60 locks from before a copy-up conflict with those from after', [{ f: 'text' }], union => {
  assert.equal(
    python(
      union,
      `
a = os.open('f', os.O_RDONLY)
fcntl.flock(a, fcntl.LOCK_EX)
b = os.open('f', os.O_RDWR); os.pwrite(b, b'x', 0)
first = code(lambda: fcntl.flock(b, fcntl.LOCK_EX | fcntl.LOCK_NB))
fcntl.flock(a, fcntl.LOCK_UN)
second = code(lambda: fcntl.flock(b, fcntl.LOCK_EX | fcntl.LOCK_NB))
fcntl.lockf(b, fcntl.LOCK_EX)
pid = os.fork()
if pid == 0:
  os._exit(0 if code(lambda: fcntl.lockf(os.open('f', os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)) in ('EAGAIN', 'EACCES') else 1)
result([first, second, os.waitpid(pid, 0)[1]])`,
    ),
    ['EAGAIN', null, 0],
  );
});

contract(
  test,
  '61 programs run from any layer, and a running one is not written to',
  [{ 'bin/true': '' }],
  async union => {
    await union.unmount();
    copyFileSync('/bin/sleep', `${union.lowers[0]}/bin/sleep`);
    await union.mount();
    copyFileSync('/bin/sleep', union.at('own'));
    assert.equal(
      python(
        union,
        `
import subprocess
out = []
for program in ('./bin/sleep', './own'):
  child = subprocess.Popen([program, '5'])
  while os.readlink('/proc/%d/exe' % child.pid) != os.path.realpath(program): pass
  out.append(code(lambda: os.open(program, os.O_WRONLY)))
  child.kill(); child.wait()
result(out)`,
      ),
      ['ETXTBSY', 'ETXTBSY'],
    );
  },
);

contract(
  test,
  '62 67 access is the same before and after copy-up, ACLs and their defaults too',
  [{ f: 'f', 'd/x': '', 'p/x': '' }],
  async union => {
    await union.unmount();
    const low = union.lowers[0] ?? '';
    execFileSync('chmod', ['640', `${low}/f`]);
    execFileSync('setfacl', ['-m', 'u:1234:rw', `${low}/f`]);
    execFileSync('setfacl', ['-d', '-m', 'u:1234:rwx', `${low}/d`]);
    execFileSync('chmod', ['711', `${low}/p`]);
    await union.mount();
    const look = (uid: number) =>
      python<unknown>(
        union,
        `result([code(lambda: os.close(os.open('f', os.O_RDWR))), code(lambda: os.listdir('p')), os.access('f', os.W_OK)])`,
        uid,
      );
    const [friend, stranger] = [look(1234), look(999)];
    assert.equal(
      [friend, stranger],
      [
        [null, 'EACCES', true],
        ['EACCES', 'EACCES', false],
      ],
    );
    chmodSync(union.at('p'), 0o711);
    assert.equal([look(1234), look(999)], [friend, stranger]);
    python(
      union,
      `os.umask(0o077); open('d/new', 'w').write('x'); os.unlink('d/x'); open('d/x', 'w').close(); os.mkdir('d/sub'); result(0)`,
    );
    for (const name of ['d/new', 'd/x', 'd/sub'])
      assert.match(
        execFileSync('getfacl', ['-c', '-p', union.at(name)], { encoding: 'utf8' }),
        'user:1234:rw',
      );
  },
);

contract(
  test,
  '64 65 a write and a chown drop setuid, setgid and capabilities',
  [{ w: 'w', c: 'c', t: 't', a: 'a' }],
  union => {
    for (const name of ['w', 'c', 't', 'a']) {
      execFileSync('chown', ['1234', union.at(name)]);
      execFileSync('chmod', ['6777', union.at(name)]);
    }
    python(
      union,
      `
os.pwrite(os.open('w', os.O_WRONLY), b'x', 0); os.truncate('t', 0)
os.chown('c', -1, 1234); fallocate(os.open('a', os.O_WRONLY), 0, 0, 100)
result(0)`,
      1234,
    );
    assert.equal(
      ['w', 'c', 't', 'a'].map(name => (statSync(union.at(name)).mode & 0o7777).toString(8)),
      ['777', '777', '777', '777'],
    );
    execFileSync('setcap', ['cap_net_raw+ep', union.at('w')]);
    chmodSync(union.at('w'), 0o700);
    assert.match(execFileSync('getcap', [union.at('w')], { encoding: 'utf8' }), 'cap_net_raw');
    writeFileSync(union.at('w'), 'again');
    assert.is(execFileSync('getcap', [union.at('w')], { encoding: 'utf8' }), '');
  },
);

contract(test, '66 in a sticky directory only owners remove', [{ 's/f': '', 's/g': '' }], union => {
  chmodSync(union.at('s'), 0o1777);
  execFileSync('chown', ['1234', union.at('s/g')]);
  assert.equal(
    python(
      union,
      `result([code(lambda: os.unlink('s/f')), code(lambda: os.rename('s/f', 's/x')), code(lambda: os.unlink('s/g'))])`,
      1234,
    ),
    ['EPERM', 'EPERM', null],
  );
});

contract(
  test,
  '68 69 attributes: none of ours show or can be forged, flags and sizes hold',
  [{ f: 'f', 'd/x': '' }, { 'd/y': '' }],
  async union => {
    chmodSync(union.at('f'), 0o600);
    mkdirSync(union.at('own'));
    assert.equal(
      python(
        union,
        `
os.setxattr('f', 'user.a', b'1')
first = [code(lambda: os.setxattr('f', 'user.a', b'2', os.XATTR_CREATE)), code(lambda: os.setxattr('f', 'user.b', b'2', os.XATTR_REPLACE))]
os.setxattr('f', 'user.odd name\\n.', b'a\\0b')
os.setxattr('d', 'trusted.overlay.opaque', b'y')
result(first + [sorted(os.listxattr('f')), os.getxattr('f', 'user.odd name\\n.').hex(), os.listxattr('own'), os.getxattr('d', 'trusted.overlay.opaque').decode(),
       code(lambda: os.getxattr('f', 'user.none')), code(lambda: os.removexattr('f', 'user.none')), sorted(os.listdir('d'))])`,
      ),
      [
        'EEXIST',
        'ENODATA',
        ['user.a', 'user.odd name\n.'],
        '610062',
        [],
        'y',
        'ENODATA',
        'ENODATA',
        ['x', 'y'],
      ],
    );
    await union.remount();
    assert.equal(names(union.at('d')), ['x', 'y']);
  },
);

contract(
  test,
  '70 times to the nanosecond, before 1970 and after 2038, and the parents’',
  [{ f: 'f', l: 'l', 'd/x': '' }],
  union => {
    assert.equal(
      python(
        union,
        `
os.symlink('x', 'sl')
def times(name): st = os.lstat(name); return [st.st_atime_ns, st.st_mtime_ns]
os.utime('f', ns=(-1234567891, 5000000000123456789))
os.utime('sl', ns=(11, 22), follow_symlinks=False)
old = os.stat('l').st_mtime_ns
ts = struct.pack('qqqq', 5, 7, 0, (1 << 30) - 2)
libc_call(libc.utimensat(-100, b'l', ts, 0))
before = os.stat('d').st_mtime_ns
os.close(os.open('d/new', os.O_CREAT, 0o600)); middle = os.stat('d').st_mtime_ns
os.unlink('d/x'); after = os.stat('d').st_mtime_ns
c = os.stat('f').st_ctime_ns; os.link('f', 'f2'); c2 = os.stat('f').st_ctime_ns; os.rename('f', 'f3'); c3 = os.stat('f3').st_ctime_ns
result([times('f3'), times('sl'), times('l') == [5000000007, old], before < middle <= after, c < c2 <= c3])`,
      ),
      [[-1234567891, 5000000000123456789n], [11, 22], true, true, true].map(part =>
        JSON.parse(JSON.stringify(part, (_, v) => (typeof v === 'bigint' ? Number(v) : v))),
      ),
    );
  },
);

contract(test, '71 immutable and append-only files of the upper', [{ f: '' }], union => {
  for (const [name, flag] of [
    ['i', '+i'],
    ['a', '+a'],
  ] as const) {
    writeFileSync(union.at(name), 'text');
    execFileSync('chattr', [flag, `${union.upper}/${name}`]);
  }
  try {
    assert.equal(
      [
        errno(() => writeFileSync(union.at('i'), 'x')),
        errno(() => chmodSync(union.at('i'), 0o600)),
        text(union.at('i')),
      ],
      ['EPERM', 'EPERM', 'text'],
    );
    assert.is(python(union, `result(code(lambda: os.unlink('a')))`), 'EPERM');
  } finally {
    for (const name of ['i', 'a']) execFileSync('chattr', ['-ia', `${union.upper}/${name}`]);
  }
});

contract(test, '72 the errors of any file system', [{ f: '', 'd/x': '', 'd/e/': '' }], union => {
  assert.equal(
    python(
      union,
      `
os.symlink('loop', 'loop')
result([code(call) for call in (
  lambda: os.stat('none'), lambda: os.stat('f/x'), lambda: os.stat('f/'), lambda: open('loop'), lambda: open('d', 'w'), lambda: os.mkdir('d'),
  lambda: os.mkdir('f/'), lambda: os.unlink('d'), lambda: os.rmdir('f'), lambda: os.rmdir('d'), lambda: os.stat('n' * 256), lambda: os.mkdir('none/x'),
  lambda: os.rename('none', 'x'), lambda: os.symlink('x', 'f'), lambda: os.readlink('f'), lambda: os.open('d/', os.O_CREAT))])`,
    ),
    [
      'ENOENT',
      'ENOTDIR',
      'ENOTDIR',
      'ELOOP',
      'EISDIR',
      'EEXIST',
      'EEXIST',
      'EISDIR',
      'ENOTDIR',
      'ENOTEMPTY',
      'ENAMETOOLONG',
      'ENOENT',
      'ENOENT',
      'EEXIST',
      'EINVAL',
      'EISDIR',
    ],
  );
});

contract(test, '73 names of 255 bytes and paths of any depth', [{ f: '' }], union => {
  assert.equal(
    python(
      union,
      `
long = 'd' * 255
for depth in range(40):
  os.mkdir(long); os.chdir(long)
open('deep', 'w').write('deep')
text = open('deep').read()
os.rename('deep', 'l' * 255)
os.chdir(sys.argv[1])
path = '/'.join([long] * 15 + ['x' * 254])
os.mkdir(path)
import shutil
result([text, len(path), os.path.isdir(path), code(lambda: os.mkdir(path + 'yyyyy'))])`,
    ),
    ['deep', 4094, true, 'ENAMETOOLONG'],
  );
});

contract(test, '80 names are bytes', [{ 'wh.x': '1', '.wh.x': '2', '..a': '3' }], async union => {
  const odd = ['ff00fe'.replace('00', '01'), Buffer.from('ü\n').toString('hex'), 'c0af'.replace('af', 'ae')];
  python(
    union,
    `
for name in ${JSON.stringify(odd)}:
  name = bytes.fromhex(name)
  os.mkdir(b'd' + name); open(b'd' + name + b'/' + name, 'w').write('x'); os.symlink(name, b'l' + name)
  os.rename(b'd' + name + b'/' + name, b'r' + name)
os.rename('wh.x', '.wh.y')
result(0)`,
  );
  await union.remount();
  assert.equal(
    python(
      union,
      `result(sorted(os.fsencode(n).hex() for n in os.listdir('.')) + [os.fsencode(os.readlink(b'l' + bytes.fromhex('${odd[0]}'))).hex()])`,
    ),
    [
      ...[
        ...odd.flatMap(name => ['64', '6c', '72'].map(first => first + name)),
        ...['..a', '.wh.x', '.wh.y'].map(name => Buffer.from(name).toString('hex')),
      ].sort(),
      odd[0],
    ],
  );
  assert.is(readlinkSync(union.at('lü\n')), 'ü\n');
});

test.run();
