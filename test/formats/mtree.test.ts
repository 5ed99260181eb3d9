import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Entry, parseManifest, parseMtree, printManifest } from '../../src/formats/index.ts';
import { orRefused, refuses } from './throws.ts';

const header = {
  package: 'web',
  version: '1.0',
  stamp: 'r26.11-G22095100',
  image: 'web-v1.0-r26.11-G22095100.img',
  size: 4096,
  sha256: 'a'.repeat(64),
};

const test = suite<{ dir: string; tree: string; lst: string }>('mtree');

/** A tree with the names and types that formats trip over; the manifest is made from what lstat says. */
test.before(context => {
  context.dir = fs.mkdtempSync(join(tmpdir(), 'nanolin-mtree-'));
  context.tree = join(context.dir, 'tree');
  context.lst = join(context.dir, 'web.lst');
  const { tree } = context;
  for (const name of ['', 'a', 'a-b', 'a/sub dir', 'empty'])
    fs.mkdirSync(join(tree, name), { recursive: true });
  const names = [
    'a/c',
    'a/sub dir/x',
    'glob*?[a]',
    'back\\slash',
    '#hash',
    'new\nline',
    'tab\t',
    'equals=1',
    '..dots',
    '~',
    '-rf',
  ];
  for (const name of names) fs.writeFileSync(join(tree, name), name);
  fs.writeFileSync(Buffer.concat([Buffer.from(`${tree}/`), Buffer.from([0xff, 0xe9, 0x80])]), 'latin1');
  fs.writeFileSync(join(tree, 'é日'), '');
  fs.chmodSync(join(tree, '~'), 0o4755);
  fs.chmodSync(join(tree, 'empty'), 0o1777);
  fs.linkSync(join(tree, 'a/c'), join(tree, 'a-b/c'));
  fs.symlinkSync('to * a #place \\ \n\xff', join(tree, 'a/link'));
  execFileSync('mkfifo', [join(tree, 'fifo')]);
  if (process.getuid?.() === 0) {
    execFileSync('mknod', [join(tree, 'null'), 'c', '1', '3']);
    execFileSync('mknod', [join(tree, 'disk'), 'b', '259', '1048575']);
  }
  fs.writeFileSync(context.lst, printManifest({ header, entries: scan(tree) }));
});

test.after(({ dir }) => fs.rmSync(dir, { recursive: true }));

function scan(tree: string): Entry[] {
  const entries: Entry[] = [];
  const visit = (path: string) => {
    const full = Buffer.from(path === '' ? tree : `${tree}/${path}`, 'latin1');
    const stat = fs.lstatSync(full);
    const owned = { path, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid };
    const device = {
      major: (stat.rdev >> 8) & 0xfff,
      minor: (stat.rdev & 0xff) | ((stat.rdev >>> 12) & 0xfff00),
    };
    const inode = stat.ino;
    if (stat.isDirectory()) {
      const xattrs = path === 'a' ? { 'user.note': Buffer.alloc(45_000, 7) } : undefined;
      entries.push({ ...owned, type: 'dir', ...(xattrs && { xattrs }) });
      for (const name of fs.readdirSync(full, 'latin1')) visit(path === '' ? name : `${path}/${name}`);
    } else if (stat.isSymbolicLink()) {
      entries.push({ ...owned, type: 'link', link: fs.readlinkSync(full, 'latin1'), inode });
    } else if (stat.isFIFO()) {
      entries.push({ ...owned, type: 'fifo', inode });
    } else if (stat.isFile()) {
      const sha256 = createHash('sha256').update(fs.readFileSync(full)).digest('hex');
      entries.push({ ...owned, type: 'file', size: stat.size, sha256, inode, tags: ['config', 'setuid'] });
    } else {
      entries.push({ ...owned, type: stat.isBlockDevice() ? 'block' : 'char', device, inode });
    }
  };
  visit('');
  return entries;
}

const verify = (lst: string, tree: string) =>
  spawnSync('mtree', ['-f', lst, '-p', tree], { encoding: 'utf8' });
const xattrsAside = ({ xattrs: _, tags: __, ...entry }: Entry) => entry;

test('bsdtar lists every entry of a manifest, and no warning', ({ lst }) => {
  const { stdout, stderr, status } = spawnSync('bsdtar', ['-tf', lst], { encoding: 'latin1' });
  assert.equal([status, stderr], [0, '']);
  const { entries } = parseManifest(fs.readFileSync(lst), { file: lst });
  assert.is(stdout.trimEnd().split('\n').length, entries.length);
});

test('NetBSD mtree verifies the tree without a difference', ({ lst, tree }) => {
  const { stdout, stderr, status } = verify(lst, tree);
  assert.equal([status, stdout, stderr], [0, '', '']);
});

test('NetBSD mtree sees a manifest that differs from its tree in one thing', ({ lst, tree, dir }) => {
  const { entries } = parseManifest(fs.readFileSync(lst), { file: lst });
  const other = join(dir, 'other.lst');
  const change = (path: string, change: Partial<Entry>) => {
    const changed = entries.map(entry => (entry.path === path ? { ...entry, ...change } : entry));
    fs.writeFileSync(other, printManifest({ header, entries: changed }));
    const { stdout, status } = verify(other, tree);
    assert.is(status, 2, stdout);
    return stdout;
  };
  assert.match(change('new\nline', { size: 3 }), 'size (3,');
  assert.match(change('glob*?[a]', { sha256: 'b'.repeat(64) }), 'sha256');
  assert.match(change('a/link', { link: 'elsewhere' }), 'link ref');
  assert.match(change('empty', { mode: 0o755 }), 'permissions');
  fs.writeFileSync(
    other,
    printManifest({ header, entries: entries.filter(({ path }) => path !== 'back\\slash') }),
  );
  assert.match(verify(other, tree).stdout, 'extra: back\\slash');
});

test("bsdtar's own mtree of the tree reads as the same entries", ({ lst, tree }) => {
  const options =
    'mtree:!all,mtree:type,mtree:mode,mtree:uid,mtree:gid,mtree:size,mtree:sha256,mtree:link,mtree:device,mtree:nlink,mtree:inode';
  const expected = parseManifest(fs.readFileSync(lst), { file: lst }).entries.map(xattrsAside);
  for (const set of ['', ',mtree:use-set']) {
    const made = execFileSync('bsdtar', [
      '--format=mtree',
      `--options=${options}${set}`,
      '-cf',
      '-',
      '-C',
      tree,
      '.',
    ]);
    const again = printManifest({ header, entries: parseMtree(made) });
    assert.equal(parseManifest(Buffer.from(again), { file: 'x.lst' }).entries.map(xattrsAside), expected);
  }
});

test('a manifest of ours reads as mtree too', ({ lst }) => {
  const entries = parseMtree(fs.readFileSync(lst)).map(xattrsAside);
  assert.equal(
    entries,
    parseManifest(fs.readFileSync(lst), { file: lst }).entries.map(({ inode: _, nlink: __, ...entry }) =>
      xattrsAside(entry),
    ),
  );
});

test('relative names, /set, /unset, continued lines and vis escapes, as NetBSD mtree writes them', () => {
  const text = `#\t   tree: /x

# .
/set type=file uid=0 gid=0 mode=0644 nlink=1
.               type=dir mode=0755 nlink=4
# ./a
a               type=dir mode=0755 nlink=2
    sp\\sace\\#\\\\ \\
                size=2 \\
                sha256digest=${'AB'.repeat(32)}
# ./a
..
/unset mode
b   type=link mode=0777 link=x\\040y time=0.0 optional
..
./c/d type=fifo mode=600
`;
  assert.equal(parseMtree(Buffer.from(text)), [
    { path: '', type: 'dir', mode: 0o755, uid: 0, gid: 0 },
    { path: 'a', type: 'dir', mode: 0o755, uid: 0, gid: 0 },
    { path: 'a/sp ace#\\', type: 'file', mode: 0o644, uid: 0, gid: 0, size: 2, sha256: 'ab'.repeat(32) },
    { path: 'b', type: 'link', mode: 0o777, uid: 0, gid: 0, link: 'x y' },
    { path: 'c/d', type: 'fifo', mode: 0o600, uid: 0, gid: 0 },
  ]);
});

test('a raw byte that some alphabets print as a space is part of the name', () => {
  const [entry] = parseMtree(
    Buffer.from(
      './a\xa0 type=fifo mode=0644 uid=0 gid=0\n./b type=link mode=0777 uid=0 gid=0 link=\xa0\r\n',
      'latin1',
    ),
  );
  assert.is(entry?.path, 'a\xa0');
});

test('what the lenient reader cannot know is refused with file and line', () => {
  const bad = (words: string, text: string) =>
    refuses('image-invalid', words, () =>
      parseMtree(Buffer.from(`#mtree\n${text}\n`, 'latin1'), { file: 'x.mtree' }),
    );
  const owned = 'mode=0644 uid=0 gid=0';
  bad('x.mtree:2: no type=', `./a ${owned}`);
  bad('unknown type', `./a type=door ${owned}`);
  bad('no mode=', './a type=fifo uid=0 gid=0');
  bad('mode="u+x" is no number', './a type=fifo mode=u+x uid=0 gid=0');
  bad('size="-1" is no number', `./a type=file ${owned} size=-1`);
  bad('path is not normalised', `./a/../b type=fifo ${owned}`);
  bad('path is not normalised', `/etc/x type=fifo ${owned}`);
  bad('path is not normalised', `./a\\057b type=fifo ${owned}`);
  bad('path is not normalised', `./a\\000 type=fifo ${owned}`);
  bad('expected device=native', `./a type=char ${owned} device=0x103`);
  bad('unknown escape \\q', `./a\\q type=fifo ${owned}`);
  bad('.. above the root', '..');
  bad('line longer', 'x'.repeat(70_000));
  bad('line longer', 'x \\\n'.repeat(30_000));
  bad('the last line goes on', './a \\');
  bad('directories deep', `a type=dir ${owned}\n`.repeat(5000));
});

test('mutated bytes are read or refused', ({ lst }) => {
  const source = fs.readFileSync(lst).subarray(0, 2000);
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 4 }), mutations => {
      const bytes = Buffer.from(source);
      for (const [at, byte] of mutations) bytes[at % bytes.length] = byte;
      orRefused('image-invalid', () => parseMtree(bytes));
    }),
    { numRuns: 1000 },
  );
});

test.run();
