// limit: 300s
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';
import {
  contract,
  errno,
  type Files,
  isMounted,
  makeUnion,
  names,
  noUnion,
  put,
  run,
  text,
} from './union.ts';

const test = suite('union: lookup, whiteouts and opaque directories');

contract(
  test,
  '1 a name is the topmost layer’s, and what is no directory hides directories below',
  [
    { f: 'top', over: 'file' },
    { f: 'bottom', g: 'bottom', 'over/child': 'hidden' },
  ],
  union => {
    assert.equal(
      [text(union.at('f')), text(union.at('g')), text(union.at('over'))],
      ['top', 'bottom', 'file'],
    );
    assert.is(text(union.at('over/child')), 'ENOTDIR');
  },
);

contract(
  test,
  '2 directories merge until a whiteout or a file in a middle layer',
  [
    { 'd/top': '1', 'e/top': '1', 'h/top': '1' },
    { 'd/middle': '2', e: null, h: 'file' },
    { 'd/bottom': '3', 'e/bottom': '3', 'h/bottom': '3' },
  ],
  union => {
    assert.equal(names(union.at('d')), ['bottom', 'middle', 'top']);
    assert.equal([names(union.at('e')), names(union.at('h'))], [['top'], ['top']]);
  },
);

contract(test, '3 a merged directory is the topmost one', [{ 'd/a': '' }, { 'd/b': '' }], async union => {
  await union.unmount();
  execFileSync('chmod', ['0751', `${union.lowers[0]}/d`]);
  execFileSync('chown', ['5:6', `${union.lowers[0]}/d`]);
  execFileSync('setfattr', ['-n', 'user.who', '-v', 'top', `${union.lowers[0]}/d`]);
  execFileSync('setfattr', ['-n', 'user.low', '-v', 'bottom', `${union.lowers[1]}/d`]);
  await union.mount();
  const { mode, uid, gid } = statSync(union.at('d'));
  assert.equal([(mode & 0o7777).toString(8), uid, gid], ['751', 5, 6]);
  assert.match(execFileSync('getfattr', ['-d', union.at('d')], { encoding: 'utf8' }), 'user.who="top"');
  assert.not.match(execFileSync('getfattr', ['-d', union.at('d')], { encoding: 'utf8' }), 'user.low');
});

for (const count of [8, 64]) {
  const layers: Files[] = Array.from({ length: count }, (_, at) => ({
    f: String(at),
    [`f${at}`]: String(at),
  }));
  contract(test, `4 of ${count} layers the first is topmost`, layers, union => {
    assert.equal([text(union.at('f')), names(union.merged).length], ['0', count + 1]);
    assert.is(text(union.at(`f${count - 1}`)), String(count - 1));
  });
}

needs(test, noUnion)('5 paths with spaces, commas, colons and backslashes', async () => {
  await using union = await makeUnion('fuse', [{ plain: '' }]);
  await union.unmount();
  const odd = `${union.scratch}/a b,c:d\\e`;
  mkdirSync(odd);
  put(odd, { odd: 'odd' });
  await union.mount(`lowerdir=${odd.replace(/[\\,:]/g, '\\$&')}:${union.lowers[0]}`);
  assert.equal(names(union.merged), ['odd', 'plain']);
});

for (const backend of ['kernel', 'fuse'] as const)
  needs(test, noUnion)(
    `6 without an upper every change is EROFS, also of one lower [${backend}]`,
    async () => {
      await using union = await makeUnion('fuse', [{ f: 'f', 'd/x': '' }]);
      await union.unmount();
      assert.match(run('--backend', backend, '-o', `lowerdir=${union.lowers[0]}`, union.merged), /^mounted/);
      assert.is(text(union.at('f')), 'f');
      for (const change of [
        () => writeFileSync(union.at('new'), ''),
        () => writeFileSync(union.at('f'), ''),
        () => mkdirSync(union.at('e')),
        () => symlinkSync('a', union.at('l')),
      ])
        assert.is(errno(change), 'EROFS');
    },
  );

needs(test, noUnion)(
  '7 an upper in use, and a work directory elsewhere, are refused and leave nothing',
  async () => {
    await using union = await makeUnion('fuse', [{ f: 'f' }]);
    const other = `${union.scratch}/other`;
    mkdirSync(other);
    const again = `lowerdir=${union.lowers[0]},upperdir=${union.upper},workdir=${union.work}`;
    assert.match(run('--backend', 'fuse', '-o', again, other), /^5: nanolin: .* in use/);
    const elsewhere = `lowerdir=${union.lowers[0]},upperdir=${union.scratch}/lower0,workdir=/dev/shm`;
    assert.match(run('--backend', 'fuse', '-o', elsewhere, other), /^3: .*not on the file system/);
    assert.not(isMounted(other));
  },
);

needs(test, noUnion)(
  '8 what a crash left in the work directory is gone; a volatile mark refuses',
  async () => {
    await using union = await makeUnion('fuse', [{ f: 'f' }]);
    await union.unmount();
    put(union.work, { 'work/#1/deep/file': 'stale' });
    await union.mount();
    assert.equal(readdirSync(`${union.work}/work`), []);
    await union.unmount();
    const plain = `lowerdir=${union.lowers[0]},upperdir=${union.upper},workdir=${union.work}`;
    await union.mount(`${plain},volatile`);
    await union.unmount();
    assert.match(run('--backend', 'fuse', '-o', plain, union.merged), /^3: .*volatile/);
  },
);

contract(
  test,
  '10 whiteouts are never visible, in no layer',
  [
    { a: null, 'd/a': null },
    { a: 'below', b: null, 'd/a': '' },
    { b: 'below', c: 'c' },
  ],
  union => {
    assert.equal(names(union.merged), ['c', 'd']);
    assert.equal(
      [text(union.at('a')), text(union.at('b')), text(union.at('d/a'))],
      ['ENOENT', 'ENOENT', 'ENOENT'],
    );
    assert.equal(names(union.at('d')), []);
  },
);

const marked = (union: { lowers: readonly string[] }) => {
  execFileSync('setfattr', ['-n', 'trusted.overlay.whiteout', '-v', 'y', `${union.lowers[0]}/x/gone`]);
  execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'x', `${union.lowers[0]}/x`]);
  execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', `${union.lowers[0]}/o`]);
  execFileSync('setfattr', ['-n', 'user.overlay.opaque', '-v', 'y', `${union.lowers[0]}/u`]);
};

contract(
  test,
  '11 12 marked files are whiteouts, opaque=y hides what is below, and user.overlay.opaque means nothing here',
  [
    { 'x/gone': '', 'x/empty': '', 'o/top': '', 'u/top': '' },
    { 'x/gone': 'below', 'x/kept': 'below', 'o/below': '', 'u/below': '' },
  ],
  async union => {
    await union.unmount();
    marked(union);
    await union.mount();
    assert.equal(names(union.at('x')), ['empty', 'kept']);
    assert.is(text(union.at('x/gone')), 'ENOENT');
    assert.equal([names(union.at('o')), names(union.at('u'))], [['top'], ['below', 'top']]);
  },
);

contract(
  test,
  '13 names of other unions are ordinary files',
  [{ '.wh.a': 'w', a: 'a', '.wh..wh..opq': '' }],
  union => assert.equal(names(union.merged), ['.wh..wh..opq', '.wh.a', 'a']),
);

test.run();
