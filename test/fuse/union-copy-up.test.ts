// limit: 300s
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, linkSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { contract, errno, names, python, text } from './union.ts';

const test = suite('union: copy-up and hard links');

contract(
  test,
  '19 it is the first change that copies up, not a look',
  [{ r: 'r', w: 'w', m: 'm', 't/x': '' }],
  union => {
    readFileSync(union.at('r'));
    statSync(union.at('r'));
    execFileSync('ls', ['-lR', union.merged]);
    assert.is(
      errno(() => writeFileSync(union.at('r'), '', { flag: 'wx' })),
      'EEXIST',
    );
    assert.equal(names(union.upper), []);
    python(union, `open('w', 'r+').close(); os.utime('m'); result(0)`);
    assert.equal(names(union.upper), ['m', 'w']);
  },
);

contract(
  test,
  '20 21 nothing of a file is lost by a chmod',
  [{ f: 'x'.repeat(100_000), 'd/s': 'sparse' }],
  async union => {
    const low = `${union.lowers[0]}/f`;
    await union.unmount();
    execFileSync('setfattr', ['-n', 'user.k', '-v', 'v', low]);
    execFileSync('setcap', ['cap_net_raw+ep', low]);
    execFileSync('chown', ['12:34', low]);
    execFileSync('setcap', ['cap_net_raw+ep', low]);
    execFileSync('truncate', ['-s', '64M', `${union.lowers[0]}/d/s`]);
    python({ merged: union.lowers[0] ?? '' }, `os.utime('f', ns=(1111111111, -2222222222)); result(0)`);
    await union.mount();
    const before = statSync(low, { bigint: true });
    chmodSync(union.at('f'), 0o4755);
    chmodSync(union.at('d/s'), 0o600);
    const after = statSync(`${union.upper}/f`, { bigint: true });
    assert.equal(
      [after.uid, after.gid, after.atimeNs, after.mtimeNs, after.size],
      [12n, 34n, before.atimeNs, -2222222222n, before.size],
    );
    assert.equal(statSync(union.at('f'), { bigint: true }).mtimeNs, -2222222222n);
    assert.ok(statSync(union.at('f')).ctimeMs >= Date.now() - 60_000);
    assert.match(
      execFileSync('getfattr', ['-d', '-m', '-', union.at('f')], { encoding: 'utf8' }),
      'security.capability',
    );
    assert.is(text(union.at('f')).length, 100_000);
    // The kernel (6.18) fills this one.
    if (union.backend === 'fuse')
      assert.ok(statSync(`${union.upper}/d/s`).blocks < 100, 'the hole was filled');
  },
);

contract(
  test,
  '22 parents come up as they are, and the upper holds no more',
  [{ 'a/b/c/f': 'f', 'a/b/other': '' }, { 'a/b/c/g': '' }],
  async union => {
    await union.unmount();
    execFileSync('chmod', ['0711', `${union.lowers[0]}/a/b`]);
    execFileSync('chown', ['3:4', `${union.lowers[0]}/a/b`]);
    execFileSync('touch', ['-d', '2001-02-03', `${union.lowers[0]}/a/b`]);
    await union.mount();
    writeFileSync(union.at('a/b/c/f'), 'changed');
    const { mode, uid, gid, mtime } = statSync(`${union.upper}/a/b`);
    assert.equal([(mode & 0o777).toString(8), uid, gid, mtime.getFullYear()], ['711', 3, 4, 2001]);
    assert.equal(
      [names(`${union.upper}/a`), names(`${union.upper}/a/b`), names(`${union.upper}/a/b/c`)],
      [['b'], ['c'], ['f']],
    );
  },
);

contract(
  test,
  '23 a full upper leaves the old file and no part of a new one',
  [{ big: 'x'.repeat(3_000_000), s: 'small' }],
  async union => {
    await union.unmount();
    const small = `${union.scratch}/small`;
    mkdirSync(small);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1M', 'small', small]);
    try {
      for (const name of ['upper', 'work']) mkdirSync(`${small}/${name}`);
      await union.mount(`lowerdir=${union.lowers[0]},upperdir=${small}/upper,workdir=${small}/work`);
      assert.is(
        errno(() => chmodSync(union.at('big'), 0o600)),
        'ENOSPC',
      );
      assert.equal([names(`${small}/upper`), names(`${small}/work/work`)], [[], []]);
      assert.is(text(union.at('big')).length, 3_000_000);
      writeFileSync(union.at('s'), 'still');
      assert.is(text(union.at('s')), 'still');
      await union.unmount();
    } finally {
      execFileSync('umount', ['--lazy', small]);
    }
  },
);

contract(test, '24 28 who has the lower file open reads the copy', [{ f: 'old!' }], union => {
  assert.equal(
    python(
      union,
      `
old = os.open('f', os.O_RDONLY)
os.pread(old, 4, 0)
a, b = os.open('f', os.O_RDWR), os.open('f', os.O_RDWR)
os.pwrite(a, b'new', 0)
result([os.pread(fd, 9, 0).decode() for fd in (old, a, b)])`,
    ),
    ['new!', 'new!', 'new!'],
  );
});

contract(
  test,
  '26 27 an open that fails copies nothing; O_TRUNC keeps what is not data',
  [{ f: 'text', t: 'text' }],
  union => {
    chmodSync(union.at('t'), 0o604);
    const before = names(union.upper);
    assert.equal(
      python(
        union,
        `result([code(lambda: os.open('f', os.O_WRONLY)), code(lambda: os.open('f', os.O_CREAT | os.O_EXCL | os.O_WRONLY))])`,
        1234,
      ),
      ['EACCES', 'EEXIST'],
    );
    assert.equal(names(union.upper), before);
    python(union, `os.close(os.open('t', os.O_WRONLY | os.O_TRUNC)); result(0)`);
    assert.equal([statSync(union.at('t')).size, statSync(union.at('t')).mode & 0o777], [0, 0o604]);
  },
);

contract(
  test,
  '25 29 a mapping of the lower file shows the old bytes or the new',
  [{ f: 'o'.repeat(8192) }],
  union => {
    const seen = python<string[]>(
      union,
      `
f = os.open('f', os.O_RDONLY)
m = mmap.mmap(f, 8192, mmap.MAP_SHARED, mmap.PROT_READ)
m[0]
w = os.open('f', os.O_RDWR); os.pwrite(w, b'n' * 8192, 0)
result(sorted(set(m[:].decode())))`,
    );
    assert.ok(seen.length === 1, `a mixture: ${seen}`);
  },
);

contract(
  test,
  '34 a lower file with several names: the one that is written to breaks off, the rest stay one',
  [{ a: 'old' }],
  async union => {
    await union.unmount();
    const lower = union.lowers[0] ?? '';
    for (const name of ['b', 'c']) linkSync(`${lower}/a`, `${lower}/${name}`);
    await union.mount();
    const look = (name: string) => statSync(union.at(name));
    assert.equal([look('a').ino === look('c').ino, look('a').nlink], [true, 3]);
    writeFileSync(union.at('b'), 'new');
    const check = () => {
      assert.equal(
        ['a', 'b', 'c'].map(name => text(union.at(name))),
        ['old', 'new', 'old'],
      );
      assert.equal([look('a').ino === look('c').ino, look('a').ino === look('b').ino], [true, false]);
    };
    check();
    await union.remount();
    check();
  },
);

contract(
  test,
  '33 36 link() of a lower file: one object with two names',
  [{ f: 'text', g: '', 'd/x': '' }],
  union => {
    linkSync(union.at('f'), union.at('d/l'));
    const [a, b] = [statSync(union.at('f')), statSync(union.at('d/l'))];
    assert.equal([a.ino === b.ino, a.nlink, b.nlink], [true, 2, 2]);
    writeFileSync(union.at('d/l'), 'by the other');
    chmodSync(union.at('d/l'), 0o600);
    assert.equal([text(union.at('f')), statSync(union.at('f')).mode & 0o777], ['by the other', 0o600]);
    assert.is(
      errno(() => linkSync(union.at('f'), union.at('g'))),
      'EEXIST',
    );
    assert.is(
      errno(() => linkSync(union.at('d'), union.at('h'))),
      'EPERM',
    );
    assert.is(
      errno(() => linkSync(union.at('f'), `${union.scratch}/h`)),
      'EXDEV',
    );
    execFileSync('mv', [union.at('d/l'), union.at('moved')]);
    writeFileSync(union.at('moved'), 'moved');
    assert.equal([text(union.at('f')), statSync(union.at('f')).nlink], ['moved', 2]);
  },
);

contract(
  test,
  '35 56 an open file without a name has no links and all its uses',
  [{ f: 'lower', 'd/g': 'lower' }],
  union => {
    // The kernel answers fchmod of an unlinked lower file with EEXIST (6.18): a file of the upper there.
    writeFileSync(union.at('u'), 'lower');
    assert.equal(
      python(
        union,
        `
def use(path, flags):
  f = os.open(path, flags, 0o644)
  if flags & os.O_CREAT: os.write(f, b'lower')
  os.unlink(path)
  links = os.fstat(f).st_nlink
  os.fchmod(f, 0o600); os.fchown(f, 5, 6); os.utime(f, ns=(7, 8))
  st = os.fstat(f)
  return [links, oct(st.st_mode & 0o777), st.st_uid, st.st_gid, st.st_mtime_ns, os.pread(f, 9, 0).decode(), f]
a, b = use('${union.backend === 'fuse' ? 'f' : 'u'}', os.O_RDONLY), use('n', os.O_RDWR | os.O_CREAT)
os.ftruncate(b[6], 3); fallocate(b[6], 0, 0, 10); os.pwrite(b[6], b'end', 7)
result([a[:6], b[:6], os.pread(b[6], 20, 0).decode()])`,
      ),
      [[0, '0o600', 5, 6, 8, 'lower'], [0, '0o600', 5, 6, 8, 'lower'], 'low\0\0\0\0end'],
    );
    assert.not(existsSync(union.at('n')));
  },
);

contract(
  test,
  '35 56 what is open and no file has all its uses without a name, too',
  [{ 'd/': '', 'e/x': '' }],
  async union => {
    await union.unmount();
    const low = union.lowers[0] ?? '';
    execFileSync('mkfifo', [`${low}/p`]);
    execFileSync('ln', ['-s', 'target', `${low}/l`]);
    await union.mount();
    assert.equal(
      python(
        union,
        `
def use(f, how):
  st = os.fstat(f)
  before = [st.st_mode, st.st_uid]
  libc_call(libc.fchownat(f, b'', 5, 6, 0x1000))
  if how: os.fchmod(f, 0o711); os.utime(f, ns=(7, 8))
  st = os.fstat(f)
  return [stat.S_IFMT(before[0]) == stat.S_IFMT(st.st_mode), st.st_uid, st.st_gid, oct(st.st_mode & 0o777), st.st_mtime_ns == 8]
p, d, l = os.open('p', os.O_RDONLY | os.O_NONBLOCK), os.open('d', os.O_RDONLY), os.open('l', os.O_PATH | os.O_NOFOLLOW)
os.unlink('p'); os.rmdir('d'); os.unlink('l')
result([use(p, True), use(d, True), use(l, False), code(lambda: os.open('new', os.O_CREAT, dir_fd=d)), os.listdir('.')])`,
      ),
      [
        [true, 5, 6, '0o711', true],
        [true, 5, 6, '0o711', true],
        [true, 5, 6, '0o777', false],
        'ENOENT',
        ['e'],
      ],
    );
    assert.equal(names(`${union.work}/work`), []);
  },
  // The kernel's own (6.18) answers EEXIST.
  'fuse',
);

test.run();
