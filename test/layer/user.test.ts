// limit: 180s
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { parseManifest } from '../../src/formats/index.ts';
import { native } from '../../src/kernel/index.ts';
import { importLayer, readManifest } from '../../src/layer/index.ts';
import { needs } from '../needs.ts';
import { openPublisher } from '../trust/publisher.ts';
import { noSomebody, noSquashfuse, openSomebody, type Somebody, showing } from './somebody.ts';
import { openStore } from './store.ts';

const test = suite('layers of an ordinary user');
const it = needs(test, noSomebody);
const itReads = needs(test, noSquashfuse);
const program = 'test/cli/plain-program.ts';
const attach = 'test/layer/attach-program.ts';
const epoch = '1790000000';

/** Files that only root can make as they are: other owners, no rights for their owner, setuid, hard links. */
function plant(tree: string): string {
  mkdirSync(join(tree, 'usr/bin'), { recursive: true });
  writeFileSync(join(tree, 'usr/bin/tool'), '#!/bin/sh\necho tool\n');
  linkSync(join(tree, 'usr/bin/tool'), join(tree, 'usr/bin/tool2'));
  chownSync(join(tree, 'usr/bin/tool'), 33, 44);
  chmodSync(join(tree, 'usr/bin/tool'), 0o4711);
  symlinkSync('tool', join(tree, 'usr/bin/link'));
  mkdirSync(join(tree, 'etc'));
  mkdirSync(join(tree, 'etc/closed'));
  writeFileSync(join(tree, 'etc/closed/a "name" \\ of bytes'), 'x'.repeat(9000));
  native.lsetxattr(join(tree, 'etc/closed'), 'user.note', Buffer.from('kept'));
  chmodSync(join(tree, 'etc/closed'), 0o500);
  writeFileSync(join(tree, 'etc/shadow'), 'secret\n', { mode: 0 });
  chownSync(join(tree, 'etc/shadow'), 0, 42);
  mkdirSync(join(tree, 'many'));
  for (let i = 0; i < 400; i++) writeFileSync(join(tree, `many/name-of-a-file-${i}`), `${i}`);
  return tree;
}

function plantTar(somebody: Somebody): string {
  const tree = plant(join(somebody.place, 'tree'));
  const tar = join(somebody.place, 'tool-1.0.tar');
  execFileSync('tar', ['--xattrs', '--numeric-owner', '-C', tree, '-cf', tar, '.']);
  return tar;
}

function imported(
  somebody: Somebody,
  ...args: readonly string[]
): { image: string; digest: string; name: string }[] {
  const run = somebody.node(program, ['layer', 'import', '--json', ...args], { SOURCE_DATE_EPOCH: epoch });
  assert.is(run.status, 0, run.stderr + run.stdout);
  return JSON.parse(run.stdout);
}

interface Shown {
  readonly name: string;
  readonly way: string;
  readonly entries: readonly string[];
  readonly content: string;
  readonly mode: number;
  readonly uid: number;
  readonly overlay?: string;
}

function attached(somebody: Somebody, env: Readonly<Record<string, string>> = {}): Shown[] {
  const run = somebody.node(attach, [], env);
  assert.is(run.status, 0, run.stderr);
  return JSON.parse(run.stdout);
}

it("an import has the bytes of root's: tar in both formats, .deb, an image that is not mounted", async () => {
  await using somebody = openSomebody();
  using store = openStore();
  const tar = plantTar(somebody);
  const deb = join(somebody.place, 'pkg.deb');
  const tree = join(somebody.place, 'package');
  mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
  mkdirSync(join(tree, 'bin'));
  writeFileSync(join(tree, 'bin/tool'), 'tool', { mode: 0o4755 });
  writeFileSync(
    join(tree, 'DEBIAN/control'),
    'Package: pkg\nVersion: 1\nArchitecture: all\nMaintainer: x <x@example.org>\nDescription: x\n',
  );
  execFileSync('dpkg-deb', ['--root-owner-group', '-b', tree, deb], { stdio: 'ignore' });
  const image = join(somebody.place, 'foreign-v1-r24.02-G29010203.img');
  execFileSync('mkfs.erofs', ['--quiet', image, join(somebody.place, 'tree')]);
  const sources: readonly [string, ...string[]][] = [
    [tar],
    [tar, '--name', 'squashed', '--format', 'squashfs'],
    [deb],
    [image, '--unsigned'],
  ];
  const before = process.env.SOURCE_DATE_EPOCH;
  process.env.SOURCE_DATE_EPOCH = epoch;
  try {
    for (const [source, ...flags] of sources) {
      const options = flags.includes('squashfs') ? ({ name: 'squashed', format: 'squashfs' } as const) : {};
      const [roots] = await importLayer(store.ctx, source, { ...options, unsigned: true });
      const [his] = imported(somebody, source, ...flags);
      assert.is(his?.image, roots?.image);
      assert.is(his?.digest, roots?.digest, source);
      const list = (layers: string) =>
        readFileSync(join(layers, `${his?.image.replace(/\.img$/, '.lst')}`), 'latin1');
      assert.is(list(somebody.paths.layers), list(store.ctx.paths.layers));
    }
  } finally {
    if (before === undefined) delete process.env.SOURCE_DATE_EPOCH;
    else process.env.SOURCE_DATE_EPOCH = before;
  }
  assert.equal(readdirSync(somebody.paths.tmp), []);
});

it('a signed image is held to its signature, without being mounted', async () => {
  await using somebody = openSomebody();
  using publisher = await openPublisher();
  const stem = await publisher.publish('signed', { 'usr/bin/tool': 'tool', 'etc/signed.conf': 'a=b' });
  const name = basename(stem);
  for (const suffix of ['img', 'lst', 'sig'])
    copyFileSync(`${stem}.${suffix}`, join(somebody.place, `${name}.${suffix}`));
  const key = join(somebody.place, 'vendor.pub');
  copyFileSync(publisher.key, key);
  const image = join(somebody.place, `${name}.img`);
  const early = somebody.node(program, ['layer', 'import', image]);
  assert.is(early.status, 3, early.stderr);
  assert.is(somebody.node(program, ['key', 'trust', key, '--yes']).status, 0);
  assert.is(imported(somebody, image)[0]?.image, `${name}.img`);
  assert.is(attached(somebody, { FORCE: 'no-image-fuse' })[0]?.content, 'tool');

  // A manifest of another tree, signed by the same key: what the image holds decides.
  const list = readFileSync(`${stem}.lst`, 'latin1');
  writeFileSync(`${stem}.lst`, list.replace(/^\.\/etc\/signed\.conf .*\n/m, ''), 'latin1');
  await publisher.sign(stem);
  for (const suffix of ['img', 'lst', 'sig'])
    copyFileSync(`${stem}.${suffix}`, join(somebody.place, `${name}.${suffix}`));
  assert.is(somebody.node(program, ['layer', 'remove', '--yes', 'signed']).status, 0);
  const lying = somebody.node(program, ['layer', 'import', image]);
  assert.is(lying.status, 3);
  assert.match(lying.stderr, 'its manifest leaves out /etc/signed.conf');
});

it('a directory keeps the owners that it has, and where his state lies', async () => {
  await using somebody = openSomebody();
  const tree = join(somebody.place, 'home/mine-1.0');
  somebody.as(['sh', '-c', `mkdir -p ${tree}/usr/bin && echo mine > ${tree}/usr/bin/tool`]);
  mkdirSync(join(tree, 'etc'));
  writeFileSync(join(tree, 'etc/roots'), '');
  const [layer] = imported(somebody, tree);
  assert.ok(layer);
  assert.ok(existsSync(join(somebody.place, 'home/.local/state/nanolin/layers', layer.image)));
  const { entries } = parseManifest(readManifest({ paths: somebody.paths } as never, layer), {
    file: 'x.lst',
  });
  const owners = Object.fromEntries(entries.map(({ path, uid, gid }) => [path, `${uid}:${gid}`]));
  assert.is(owners['usr/bin/tool'], '65534:65534');
  assert.is(owners['etc/roots'], '0:0');

  const verified = somebody.node(program, ['layer', 'verify', '--json']);
  assert.is(verified.status, 0, verified.stderr);
  assert.match(somebody.node(program, ['layer', 'list']).stdout, /mine\s+1\.0/);
});

itReads(
  'read by squashfuse, extracted where nothing reads it, and stacked by the kernel in a user namespace',
  async () => {
    await using somebody = openSomebody();
    const tar = plantTar(somebody);
    imported(somebody, tar, '--name', 'erofs');
    imported(somebody, tar, '--name', 'squashfs', '--format', 'squashfs');
    const ways = (shown: readonly Shown[]) => Object.fromEntries(shown.map(({ name, way }) => [name, way]));

    const first = attached(somebody, { FORCE: '' });
    assert.is(ways(first).squashfs, 'squashfuse');
    const extracted = attached(somebody, { FORCE: 'no-image-fuse' });
    assert.equal(ways(extracted), { erofs: 'extracted', squashfs: 'extracted' });
    for (const shown of [...first, ...extracted]) {
      assert.equal(shown.entries, first[0]?.entries);
      assert.is(shown.content, '#!/bin/sh\necho tool\n');
    }
    for (const { uid, mode } of extracted) assert.equal([uid, mode.toString(8)], [65534, '711']);
    const squashed = first.find(({ way }) => way === 'squashfuse');
    assert.equal([squashed?.uid, squashed?.mode.toString(8)], [33, '4711']);

    const inside = somebody.as(
      ['unshare', '--user', '--map-root-user', '--mount', process.execPath, '--import', 'tsx', attach],
      { OVERLAY: '1', FORCE: '' },
    );
    assert.is(inside.status, 0, inside.stderr);
    assert.is(JSON.parse(inside.stdout).at(-1).overlay, '#!/bin/sh\necho tool\n');
  },
);

itReads('a program that shows an image may be killed or hang: the next one is started', async () => {
  await using somebody = openSomebody();
  imported(somebody, plantTar(somebody), '--format', 'squashfs');
  attached(somebody);
  for (const signal of ['SIGKILL', 'SIGSTOP'] as const) {
    const [pid = 0, ...more] = showing();
    assert.equal(more, []);
    process.kill(pid, signal);
    assert.is(attached(somebody)[0]?.way, 'squashfuse', signal);
    assert.ok(showing().some(other => other !== pid));
    if (signal === 'SIGSTOP') process.kill(pid, 'SIGKILL');
  }
  // Nobody has it open any more, and whoever writes next sees to it.
  attached(somebody, { FORCE: 'no-image-fuse' });
  assert.equal([showing(), readdirSync(somebody.paths.images)], [[], []]);
  assert.is(somebody.node(attach, [], { FAULT: 'attach:mounted' }).signal, 'SIGKILL');
  assert.is(showing().length, 1);
  attached(somebody, { FORCE: 'no-image-fuse' });
  assert.equal([showing(), readdirSync(somebody.paths.images)], [[], []]);
});

it('the cache of trees: made whole or not at all, and a tree that was touched is made again', async () => {
  await using somebody = openSomebody();
  const [layer] = imported(somebody, plantTar(somebody));
  const force = { FORCE: 'no-image-fuse' };
  const tree = join(somebody.paths.extracted, layer?.digest ?? '', 'tree');
  for (const FAULT of ['extract:unpacked', 'extract:sealed']) {
    assert.is(somebody.node(attach, [], { ...force, FAULT }).signal, 'SIGKILL');
    assert.not.ok(existsSync(tree));
  }
  attached(somebody, force);
  assert.equal(readdirSync(somebody.paths.tmp), [], 'what the kills left is gone');
  const inode = () => execFileSync('stat', ['-c', '%i', tree], { encoding: 'utf8' });
  const made = inode();
  attached(somebody, force);
  assert.is(inode(), made, 'it is used again');
  for (const change of [
    `chmod u+w ${tree}/usr/bin/tool && echo evil > ${tree}/usr/bin/tool`,
    `touch ${tree}/usr/bin/more`,
    `rm ${tree}/usr/bin/link && ln -s /bin/sh ${tree}/usr/bin/link`,
  ]) {
    assert.is(somebody.as(['sh', '-c', change]).status, 0);
    const [shown] = attached(somebody, force);
    assert.is(shown?.content, '#!/bin/sh\necho tool\n');
    assert.not.ok(shown?.entries.includes('usr/bin/more'));
  }
  const removed = somebody.node(program, ['layer', 'remove', '--yes', 'tool']);
  assert.is(removed.status, 0, removed.stderr);
  assert.equal(readdirSync(somebody.paths.extracted), []);
});

it('root believes nothing that a user made: images, keys, state', async () => {
  await using somebody = openSomebody();
  const root = join(somebody.place, 'home/root');
  const his = ['--root', root];
  imported(somebody, ...his, plantTar(somebody));
  somebody.node(program, [...his, 'key', 'new', 'his', '--no-password']);
  const run = (...args: readonly string[]) =>
    spawnSync(process.execPath, ['--import', 'tsx', program, ...his, '--json', ...args], {
      encoding: 'utf8',
    });
  assert.match(run('layer', 'verify').stdout, 'belongs to user 65534, not to root');
  assert.match(run('key', 'list').stdout, 'belongs to user 65534, not to root');
  const written = run('layer', 'remove', '--yes', 'tool');
  assert.is(written.status, 3);
  assert.match(written.stdout, 'belongs to user 65534, not to root');
});

test.run();
