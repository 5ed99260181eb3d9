// limit: 300s
import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';
import {
  contract,
  errno,
  isMounted,
  makeUnion,
  mounted,
  names,
  noUnion,
  over,
  python,
  run,
  text,
} from './union.ts';

const test = suite('union: layers on other file systems');
const it = needs(test, noUnion);

const images = {
  squashfs: (from: string, to: string) => ['mksquashfs', from, to, '-quiet', '-no-progress', '-no-xattrs'],
  erofs: (from: string, to: string) => ['mkfs.erofs', '-x-1', to, from],
  'erofs with attributes': (from: string, to: string) => ['mkfs.erofs', to, from],
} as const;

for (const [system, make] of Object.entries(images))
  contract(
    test,
    `30 a lower on ${system} has no ACLs, and what is done to its files works`,
    [{ f: 'text', 'd/g': 'g', 'd/e/h': 'h', big: 'b'.repeat(300_000) }],
    async union => {
      await union.unmount();
      const image = `${union.scratch}/image`;
      const [command, ...args] = make(union.lowers[0] ?? '', image);
      execFileSync(command ?? '', args, { stdio: 'ignore' });
      using low = mounted(union, 'low', '-o', 'loop,ro', image);
      await union.mount(over([low.path], union.scratch));
      assert.equal(
        python(
          union,
          `
result([code(lambda: os.getxattr('f', 'system.posix_acl_access')), code(lambda: os.getxattr('d', 'system.posix_acl_default')),
  code(lambda: os.getxattr('f', 'user.none')), os.listxattr('f'), os.listxattr('d')])`,
        ),
        ['ENODATA', 'ENODATA', 'ENODATA', [], []],
      );
      assert.equal(
        python(union, `result([open('f').read(), code(lambda: os.open('f', os.O_WRONLY))])`, 1234),
        ['text', 'EACCES'],
      );
      // cp and ls ask for ACLs, too.
      execFileSync('cp', ['-a', union.at('d'), union.at('copy')]);
      execFileSync('ls', ['-lR', union.merged]);
      execFileSync('setfacl', ['-m', 'u:1234:rw', union.at('f')]);
      python(
        union,
        `os.setxattr('d', 'user.k', b'v'); os.chmod('d/g', 0o600); os.rename('d/e/h', 'moved'); result(0)`,
      );
      assert.is(python(union, `result(open('f', 'r+').read())`, 1234), 'text');
      assert.equal(
        [
          names(union.at('copy')),
          text(union.at('moved')),
          statSync(union.at('big')).size,
          text(union.at('big')).length,
        ],
        [['e', 'g'], 'h', 300_000, 300_000],
      );
      await union.unmount();
    },
    // Linux's own overlay (6.18) passes a lower's EOPNOTSUPP on.
    'fuse',
  );

contract(
  test,
  '29 46 files of equal numbers on two file systems never mix their contents, read, mapped and copied up',
  [{ top: '' }],
  async union => {
    await union.unmount();
    using first = mounted(union, 'first', '-t', 'tmpfs', 'first');
    using second = mounted(union, 'second', '-t', 'tmpfs', 'second');
    const systems = [first, second];
    for (const [at, { path }] of systems.entries())
      for (let file = 0; file < 20; file++)
        writeFileSync(`${path}/${at}-${file}`, `${at}-${file}.`.repeat(4000));
    const numbers = systems.map(({ path }) =>
      names(path)
        .map(name => statSync(`${path}/${name}`).ino)
        .sort(),
    );
    assert.equal(numbers[0], numbers[1], 'the two have no numbers in common');
    await union.mount(
      over(
        systems.map(({ path }) => path),
        union.scratch,
      ),
    );
    assert.equal(
      python(
        union,
        `
wrong = []
maps = {}
def check(name, data, how):
  if data != (name + '.').encode() * 4000: wrong.append([name, how])
for name in os.listdir('.'):
  f = os.open(name, os.O_RDONLY)
  maps[name] = mmap.mmap(f, 0, mmap.MAP_SHARED, mmap.PROT_READ)
for name, m in maps.items(): check(name, m[:], 'mapped'); check(name, open(name, 'rb').read(), 'read')
for at, name in enumerate(maps):
  if at % 2: os.chmod(name, 0o640)
  elif at % 3: os.close(os.open(name, os.O_RDWR))
open('/proc/sys/vm/drop_caches', 'w').write('3')
for name, m in maps.items(): check(name, m[:], 'mapped after a copy-up'); check(name, open(name, 'rb').read(), 'read after a copy-up')
result([wrong, len(maps)])`,
      ),
      [[], 40],
    );
    await union.unmount();
  },
);

contract(test, '69 values of 64 KiB and as many names as the upper takes', [{ f: 'f' }], async union => {
  await union.unmount();
  const image = `${union.scratch}/image`;
  execFileSync('truncate', ['-s', '32M', image]);
  execFileSync('mkfs.ext4', ['-q', '-b', '4096', '-O', 'ea_inode', image]);
  using disk = mounted(union, 'disk', '-o', 'loop', image);
  await union.mount(over(union.lowers, disk.path));
  assert.equal(
    python(
      union,
      `
value = bytes(range(256)) * 256
os.setxattr('f', 'user.large', value)
odd = ['user.ends in space ', 'user.ends in dot.', 'user.=', 'user.' + 'n' * 250, 'user.\\udcff\\n']
for name in odd: os.setxattr('f', os.fsencode(name), name.encode('utf8', 'surrogateescape'))
for at in range(60): os.setxattr('f', 'user.many-%d' % at, b'v' * at)
seen = os.listxattr('f')
result([os.getxattr('f', 'user.large') == value, sorted(set(odd) - set(seen)), len(seen), code(lambda: os.setxattr('f', 'user.' + 'n' * 251, b'')),
  code(lambda: os.setxattr('f', 'user.larger', b'v' * 65537)), all(os.getxattr('f', 'user.many-%d' % at) == b'v' * at for at in range(60)),
  os.getxattr('f', os.fsencode(odd[4])).hex()])`,
    ),
    [true, [], 66, 'ERANGE', 'E2BIG', true, Buffer.from('user.\xff\n', 'latin1').toString('hex')],
  );
  // A copy-up takes them along.
  await union.unmount();
  mkdirSync(`${disk.path}/next`);
  await union.mount(over([`${disk.path}/upper`], `${disk.path}/next`));
  python(union, `os.chmod('f', 0o600); result(0)`);
  assert.equal(
    python(union, `result([len(os.getxattr('f', 'user.large')), len(os.listxattr('f'))])`),
    [65_536, 66],
  );
  await union.unmount();
});

contract(
  test,
  '71 an immutable lower file is refused, or copied whole: not half of it',
  [{ i: 'immutable'.repeat(1000), a: 'append' }],
  async union => {
    const low = (name: string) => `${union.lowers[0]}/${name}`;
    execFileSync('chattr', ['+i', low('i')]);
    execFileSync('chattr', ['+a', low('a')]);
    try {
      await union.remount();
      for (const [name, content] of [
        ['i', 'immutable'.repeat(1000)],
        ['a', 'append'],
      ] as const) {
        const said = python<string | null>(union, `result(code(lambda: os.chmod('${name}', 0o604)))`);
        assert.ok(said === 'EPERM' || said === null, `${said}`);
        assert.is(text(union.at(name)), content);
        assert.is(existsSync(`${union.upper}/${name}`) ? text(`${union.upper}/${name}`) : content, content);
      }
      assert.equal(names(`${union.work}/work`), []);
      await union.unmount();
    } finally {
      for (const name of ['i', 'a']) execFileSync('chattr', ['-ia', low(name)]);
    }
  },
);

it('7 an upper or work directory that an overlay of the kernel has is refused', async () => {
  await using union = await makeUnion('kernel', [{ f: 'f' }]);
  const target = `${union.scratch}/target`;
  mkdirSync(target);
  mkdirSync(`${union.scratch}/other/work`, { recursive: true });
  mkdirSync(`${union.scratch}/other/upper`);
  for (const [upper, work] of [
    [union.upper, `${union.scratch}/other/work`],
    [`${union.scratch}/other/upper`, union.work],
  ]) {
    const options = `lowerdir=${union.lowers[0]},upperdir=${upper},workdir=${work}`;
    const said = run('--backend', 'fuse', '-o', options, target);
    if (isMounted(target)) execFileSync('umount', [target]);
    assert.match(said, /^[1-9].*in use/);
  }
  // The one that has them is as it was.
  writeFileSync(union.at('n'), 'n');
  assert.equal([text(union.at('n')), names(`${union.work}/work`)], ['n', []]);
});

it('61 programs run from a lower that is an image', async () => {
  await using union = await makeUnion('fuse', [{ 'bin/x': '' }], null);
  copyFileSync('/bin/true', `${union.lowers[0]}/bin/true`);
  const image = `${union.scratch}/image`;
  execFileSync('mkfs.erofs', [image, union.lowers[0] ?? ''], { stdio: 'ignore' });
  using low = mounted(union, 'low', '-t', 'erofs', '-o', 'loop', image);
  await union.mount(over([low.path], union.scratch));
  assert.is(
    errno(() => execFileSync(union.at('bin/true')).length),
    0,
  );
  await union.unmount();
});

test.run();
