import {
  closeSync,
  constants,
  mkdirSync,
  mkdtempSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { native } from '../../src/kernel/index.ts';
import { liveTree, manifestTree, sameNode } from '../../src/ownership/index.ts';
import { bytes } from './generate.ts';
import { manifestOf } from './walk.ts';

let top: string;

test.before.each(() => {
  top = mkdtempSync(join(tmpdir(), 'nanolin-live-'));
});
test.after.each(() => rmSync(top, { recursive: true, force: true }));

test('a base is reached through a descriptor', () => {
  writeFileSync(join(top, 'a'), '1');
  const fd = openSync(top, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    const tree = liveTree(`/proc/self/fd/${fd}`, native);
    assert.is(tree.entry('')?.kind, 'dir');
    assert.is(tree.entry('a')?.kind, 'file');
    assert.equal(tree.children(''), ['a']);
  } finally {
    closeSync(fd);
  }
});

test('marks of overlayfs, also under names that are no UTF-8', () => {
  for (const name of ['y', '\xff\xfe', 'x']) {
    mkdirSync(join(top, 'aside'));
    native.lsetxattr(join(top, 'aside'), 'trusted.overlay.opaque', Buffer.from(name === 'x' ? 'x' : 'y'));
    renameSync(join(top, 'aside'), bytes(top, name));
  }
  native.mknod(join(top, 'white'), 0o020000, 0, 0);
  native.mknod(join(top, 'null'), 0o020666, 1, 3);
  for (const [name, content] of [
    ['xwhite', ''],
    ['full', 'f'],
  ] as const) {
    writeFileSync(join(top, name), content);
    native.lsetxattr(join(top, name), 'trusted.overlay.whiteout', Buffer.from(''));
  }
  writeFileSync(join(top, 'empty'), '');
  const tree = liveTree(top, native);
  const said = tree.children('').map(name => `${name} ${tree.entry(name)?.kind} ${tree.entry(name)?.opaque}`);
  assert.equal(said, [
    'empty file false',
    'full file false',
    'null other false',
    'white whiteout false',
    'x dir false',
    'xwhite whiteout false',
    'y dir true',
    '\xff\xfe dir true',
  ]);
});

test('nothing is below a file, and what is not there is null', () => {
  writeFileSync(join(top, 'a'), '1');
  const tree = liveTree(top, native);
  assert.is(tree.entry('a/b'), null);
  assert.is(tree.entry('none'), null);
});

test('a manifest and a live look at the same tree agree node by node, and see each difference', () => {
  writeFileSync(join(top, 'file'), 'x'.repeat(600_000));
  native.lsetxattr(join(top, 'file'), 'user.note', Buffer.from('1'));
  symlinkSync('to \u00fc', join(top, 'link'));
  native.mknod(join(top, 'device'), 0o060640, 240, 300);
  native.mknod(join(top, 'fifo'), 0o010600, 0, 0);
  const said = manifestTree(manifestOf(top, ''), '');
  const same = (name: string) => {
    const [a, b] = [said.entry(name), liveTree(top, native).entry(name)];
    return a !== null && b !== null && sameNode(a, b);
  };
  for (const name of ['', 'file', 'link', 'device', 'fifo']) assert.ok(same(name), name);
  native.lsetxattr(join(top, 'file'), 'security.selinux', Buffer.from('label'));
  assert.ok(same('file'), 'a label belongs to the place');
  native.lsetxattr(join(top, 'file'), 'user.note', Buffer.from('2'));
  assert.not.ok(same('file'), 'attributes');
  native.lsetxattr(join(top, 'file'), 'user.note', Buffer.from('1'));
  writeFileSync(join(top, 'file'), `${'x'.repeat(599_999)}y`);
  assert.not.ok(same('file'), 'content of the same size');
  rmSync(join(top, 'device'));
  native.mknod(join(top, 'device'), 0o060640, 240, 301);
  assert.not.ok(same('device'));
});

test.run();
