import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type Entry, printManifest } from '../../src/formats/index.ts';
import { manifestTree, type Tree } from '../../src/ownership/index.ts';
import { Random } from './random.ts';

const header = {
  package: 'p',
  version: '1',
  stamp: 'r24.01-G01000000',
  image: 'p-v1-r24.01-G01000000.img',
  size: 0,
  sha256: '0'.repeat(64),
};
const owner = { mode: 0o755, uid: 1, gid: 2 };
const dir = (path: string): Entry => ({ path, type: 'dir', ...owner });
const file = (path: string, size = 3): Entry => ({
  path,
  type: 'file',
  ...owner,
  size,
  sha256: 'ab'.repeat(32),
});

function treeOf(entries: readonly Entry[], from = ''): Tree {
  return manifestTree(Buffer.from(printManifest({ header, entries })), from);
}

test('each kind of entry', () => {
  const white = { 'trusted.overlay.whiteout': Buffer.from('y') };
  const tree = treeOf([
    dir(''),
    file('f'),
    { path: 'l', type: 'link', ...owner, link: 'to \xff' },
    { path: 'c', type: 'char', ...owner, device: { major: 1, minor: 300 } },
    { path: 'w', type: 'char', ...owner, device: { major: 0, minor: 0 } },
    { path: 'b', type: 'block', ...owner, device: { major: 0, minor: 0 } },
    { path: 'p', type: 'fifo', ...owner },
    { ...file('x', 0), xattrs: white },
    { ...file('full', 1), xattrs: white },
    { ...dir('o'), xattrs: { 'trusted.overlay.opaque': Buffer.from('y'), 'user.b=c': Buffer.from('2') } },
    { ...dir('q'), xattrs: { 'trusted.overlay.opaque': Buffer.from('x') } },
  ]);
  const said = tree.children('').map(name => {
    const node = tree.entry(name);
    assert.equal([node?.mode, node?.uid, node?.gid], [0o755, 1, 2]);
    return `${name} ${node?.kind}${node?.opaque ? ' opaque' : ''} ${node?.size}`;
  });
  assert.equal(said, [
    'b other 0',
    'c other 0',
    'f file 3',
    'full file 1',
    'l link 0',
    'o dir opaque 0',
    'p other 0',
    'q dir 0',
    'w whiteout 0',
    'x whiteout 0',
  ]);
  assert.is(tree.entry('f')?.content(), 'ab'.repeat(32));
  assert.is(tree.entry('l')?.content(), 'to \xff');
  assert.is.not(tree.entry('c')?.content(), tree.entry('p')?.content());
  assert.is(tree.entry('o')?.xattrs(), 'user.b=c=Mg==');
});

test('names that sort around the slash keep their directories apart', () => {
  const entries = [
    dir(''),
    dir('a'),
    file('a/c'),
    dir('a/d'),
    file('a/d/x'),
    file('a/d-y'),
    file('a!'),
    file('a.b'),
    dir('a0'),
    file('a0/z'),
  ];
  const tree = treeOf(entries);
  assert.equal(tree.children(''), ['a', 'a!', 'a.b', 'a0']);
  assert.equal(tree.children('a'), ['c', 'd', 'd-y']);
  assert.equal(tree.children('a/d'), ['x']);
  assert.equal(tree.children('a0'), ['z']);
});

test('a subtree is seen as if it were all', () => {
  const entries = [
    dir(''),
    dir('usr'),
    file('usr!'),
    file('usr.x'),
    dir('usr/bin'),
    file('usr/bin/a'),
    file('usr0'),
    file('top'),
  ];
  const tree = treeOf(entries, 'usr');
  assert.is(tree.entry('')?.kind, 'dir');
  assert.equal(tree.children(''), ['bin']);
  assert.equal(tree.children('bin'), ['a']);
  assert.is(tree.entry('bin/a')?.kind, 'file');
  assert.is(tree.entry('top'), null);
  assert.is(tree.entry('usr'), null);
  const none = treeOf(entries, 'opt');
  assert.is(none.entry(''), null);
  assert.equal(none.children(''), []);
});

test('every entry of random manifests is found with its children, in any order, and nothing else is', () => {
  const random = new Random(7);
  const letters = ['a', 'b', '.', '-', '0', ' ', '\\', '\n', '\xff', '~'];
  for (let round = 0; round < 60; round++) {
    const all = new Map<string, Entry>([['', dir('')]]);
    for (let count = random.below(150); count > 0; count--) {
      const parent = random.pick([...all.values()].filter(({ type }) => type === 'dir')).path;
      const name = Array.from({ length: 1 + random.below(3) }, () => random.pick(letters)).join('');
      const path = parent === '' ? name : `${parent}/${name}`;
      if (name === '.' || name === '..' || all.has(path)) continue;
      const xattrs = random.chance(0.3) ? { xattrs: { 'user.x': Buffer.from('#') } } : {};
      all.set(path, { ...(random.chance(0.5) ? dir(path) : file(path)), ...xattrs });
    }
    const tree = treeOf([...all.values()]);
    for (const { path, type, xattrs } of random.shuffled([...all.values()])) {
      assert.is(tree.entry(path)?.kind, type, JSON.stringify(path));
      assert.is(tree.entry(path)?.xattrs() === '', xattrs === undefined);
      for (const other of [`${path}/zz`, `${path}!`, `${path}\x01`])
        assert.is(tree.entry(other) === null, !all.has(other));
      if (type !== 'dir') continue;
      const prefix = path === '' ? '' : `${path}/`;
      const names = [...all.keys()]
        .filter(one => one !== '' && one.startsWith(prefix))
        .map(one => one.slice(prefix.length));
      assert.equal(tree.children(path), names.filter(one => !one.includes('/')).sort());
    }
  }
});

test('bytes that are no manifest are refused where they are met', () => {
  for (const text of ['usr type=dir\n', './a mode=0755\n', './a type=door\n']) {
    assert.throws(
      () => manifestTree(Buffer.from(text), '').entry('a'),
      (error: { code?: string }) => error.code === 'image-invalid',
    );
  }
  assert.is(manifestTree(Buffer.from('#mtree\n'), '').entry('a'), null);
});

test.run();
