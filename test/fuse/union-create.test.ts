// limit: 300s
import { execFileSync } from 'node:child_process';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  rmdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { contract, errno, names, python, text, tree, type Union } from './union.ts';

const test = suite('union: creating and removing');

const isWhiteout = (path: string): boolean =>
  lstatSync(path).isCharacterDevice() && lstatSync(path).rdev === 0;

contract(
  test,
  '9 what is removed leaves a whiteout over a lower, and nothing otherwise',
  [{ f: '', 'd/x': '' }],
  union => {
    writeFileSync(union.at('own'), '');
    for (const name of ['own', 'f']) unlinkSync(union.at(name));
    rmSync(union.at('d'), { recursive: true });
    assert.equal(names(union.upper), ['d', 'f']);
    assert.ok(isWhiteout(`${union.upper}/f`) && isWhiteout(`${union.upper}/d`));
    assert.equal(names(union.merged), []);
  },
);

contract(test, '14 mkdir over a whiteout is empty and stays so', [{ 'd/child': '' }], async union => {
  rmSync(union.at('d'), { recursive: true });
  mkdirSync(union.at('d'));
  assert.equal(names(union.at('d')), []);
  await union.remount();
  assert.equal(names(union.at('d')), []);
  writeFileSync(union.at('d/new'), '');
  assert.equal(names(union.at('d')), ['new']);
});

contract(
  test,
  '15 a new object over a whiteout is the caller’s, with umask and setgid of the directory',
  [{ 's/f': '', 's/l': '', 's/n': '', 's/d': '', 'o/f': '' }],
  async union => {
    execFileSync('chown', ['0:7', union.at('s')]);
    execFileSync('chmod', ['2777', union.at('s')]);
    execFileSync('chmod', ['777', union.at('o')]);
    for (const name of ['f', 'l', 'n', 'd']) unlinkSync(union.at(`s/${name}`));
    unlinkSync(union.at('o/f'));
    python(
      union,
      `
os.umask(0o027)
os.close(os.open('s/f', os.O_CREAT | os.O_WRONLY, 0o666))
os.symlink('t', 's/l'); os.mkfifo('s/n', 0o666); os.mkdir('s/d', 0o777)
os.close(os.open('o/f', os.O_CREAT | os.O_WRONLY, 0o666))
os.close(os.open('s/plain', os.O_CREAT | os.O_WRONLY, 0o666)); os.mkdir('s/plaind', 0o777)
result(0)`,
      1234,
    );
    const show = (name: string) => {
      const { mode, uid, gid } = lstatSync(union.at(name));
      return `${name} ${(mode & 0o7777).toString(8)} ${uid}:${gid}`;
    };
    assert.equal(['s/f', 's/l', 's/n', 's/d', 's/plain', 's/plaind', 'o/f'].map(show), [
      's/f 640 1234:7',
      's/l 777 1234:7',
      's/n 640 1234:7',
      's/d 2750 1234:7',
      's/plain 640 1234:7',
      's/plaind 2750 1234:7',
      'o/f 640 1234:1234',
    ]);
  },
);

contract(
  test,
  '16 rmdir needs a directory that shows nothing, and changes nothing when it fails',
  [{ 'd/a': '', 'd/b': '', 'e/x': '' }],
  union => {
    unlinkSync(union.at('d/a'));
    const before = tree(union.upper);
    assert.is(
      errno(() => rmdirSync(union.at('d'))),
      'ENOTEMPTY',
    );
    assert.equal(tree(union.upper), before);
    unlinkSync(union.at('d/b'));
    rmdirSync(union.at('d'));
    assert.is(
      errno(() => statSync(union.at('d'))),
      'ENOENT',
    );
    mkdirSync(union.at('d'));
    assert.equal(names(union.at('d')), []);
    // One of the upper alone that holds whiteouts no more than it did.
    writeFileSync(union.at('d/own'), '');
    unlinkSync(union.at('d/own'));
    rmdirSync(union.at('d'));
    assert.ok(isWhiteout(`${union.upper}/d`));
  },
);

contract(test, '17 a device 0/0 cannot be made, others work', [{ f: '' }], union => {
  const [whiteout, zero] = python<[string, string]>(
    union,
    `
refused = code(lambda: os.mknod('w', stat.S_IFCHR | 0o600, os.makedev(0, 0)))
os.mknod('zero', stat.S_IFCHR | 0o600, os.makedev(1, 5))
result([refused, open('zero', 'rb').read(2).hex()])`,
  );
  assert.equal([whiteout, zero], ['EPERM', '0000']);
});

/** A busy hour in one directory, the same on both backends. */
const busy = (union: Union) =>
  python(
    union,
    `
os.unlink('a'); os.mkdir('a'); open('a/in', 'w').write('in')
open('b', 'a').write('+'); os.rename('c', 'c2'); os.link('d/x', 'd/y'); os.chmod('d', 0o711)
[os.unlink('e/' + name) for name in os.listdir('e')]; os.rmdir('e'); os.mkdir('e'); os.symlink('q', 'e/l')
os.setxattr('b', 'user.k', b'v'); os.utime('b', ns=(1, 2)); os.mkfifo('p')
result(0)`,
  );
const layers = [
  { a: 'a', b: 'b', c: 'c', 'd/x': 'x', 'e/one': '1', 'e/two': '2' },
  { 'e/three': '3', 'g/h': '' },
];

contract(test, '18 an upper that one backend wrote reads the same on the other', layers, async union => {
  busy(union);
  const times = /^(?!b)(\S+ \S+ \S+ \S+ \S+) \S+/;
  const look = () => tree(union.merged).map(line => line.replace(times, '$1'));
  const seen = look();
  await union.unmount();
  const plain = `lowerdir=${union.lowers.join(':')},upperdir=${union.upper},workdir=${union.work}`;
  if (union.backend === 'fuse')
    execFileSync('mount', ['-t', 'overlay', 'o', '-o', `${plain},index=off,xino=on`, union.merged]);
  else {
    const { run } = await import('./union.ts');
    assert.match(run('--backend', 'fuse', '-o', plain, union.merged), /^mounted/);
  }
  assert.equal(look(), seen);
  assert.match(execFileSync('getfattr', ['-d', union.at('b')], { encoding: 'utf8' }), 'user.k="v"');
  assert.is(text(union.at('a/in')), 'in');
});

contract(test, '57 a file without a name can be given one', [{ 'd/x': '' }], union => {
  assert.equal(
    python(
      union,
      `
f = os.open('d', os.O_TMPFILE | os.O_RDWR, 0o640)
os.write(f, b'text')
before = os.fstat(f).st_nlink
libc_call(libc.linkat(-100, b'/proc/self/fd/%d' % f, -100, b'd/named', 0x400))
result([before, os.fstat(f).st_nlink, open('d/named').read(), sorted(os.listdir('d'))])`,
    ),
    [0, 1, 'text', ['named', 'x']],
  );
});

contract(
  test,
  '63 the work directory is left as empty as it was',
  layers,
  union => {
    busy(union);
    assert.equal(readdirSync(`${union.work}/work`), []);
  },
  'fuse',
);

test.run();
