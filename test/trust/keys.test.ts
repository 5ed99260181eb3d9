import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  checkTrusted,
  inspectKey,
  listKeys,
  newKey,
  showKey,
  trustedKeys,
  trustKey,
} from '../../src/trust/index.ts';
import { refuses } from '../formats/throws.ts';
import { openStore, refusal, type TestStore } from '../layer/store.ts';

const modeOf = (path: string) => statSync(path).mode & 0o777;
const pub = (store: TestStore, name: string) => join(store.ctx.paths.keys, `${name}.pub`);
const sec = (store: TestStore, name: string) => join(store.ctx.paths.keys, `${name}.sec`);

/** A key of somebody else, as a file. */
async function foreignKey(store: TestStore, name = 'vendor'): Promise<string> {
  using other = openStore();
  await newKey(other.ctx, name, { password: null });
  const file = join(store.scratch, `${name}.pub`);
  copyFileSync(pub(other, name), file);
  return file;
}

test('a new key is two files, the secret one for root alone, and is trusted', async () => {
  using store = openStore();
  const umask = process.umask(0);
  try {
    const report = await newKey(store.ctx, 'release', { password: null });
    assert.is(report.secret, 'open');
    assert.ok(report.trusted);
    assert.match(report.fingerprint ?? '', /^[0-9a-f]{64}$/);
    assert.is(report.problem, null);
  } finally {
    process.umask(umask);
  }
  assert.is(modeOf(sec(store, 'release')), 0o600);
  assert.is(modeOf(pub(store, 'release')), 0o644);
  assert.equal(readdirSync(store.ctx.paths.keys).sort(), ['release.pub', 'release.sec']);
  assert.equal(
    trustedKeys(store.ctx).map(({ name }) => name),
    ['release'],
  );
});

test('the fingerprint is what sha256sum says of the 32 bytes', async () => {
  using store = openStore();
  const { fingerprint } = await newKey(store.ctx, 'k', { password: null });
  const said = execFileSync('sh', [
    '-c',
    'tail -n 1 "$1" | base64 -d | tail -c 32 | sha256sum',
    'sh',
    pub(store, 'k'),
  ]);
  assert.is(said.toString().slice(0, 64), fingerprint);
});

test('with a pass-phrase the secret is sealed; the phrase is in no file', async () => {
  using store = openStore();
  const { secret } = await newKey(store.ctx, 'k', { password: 'a phrase' });
  assert.is(secret, 'sealed');
  assert.not.match(readFileSync(sec(store, 'k'), 'latin1'), 'a phrase');
});

test('a key is never replaced, neither half of it', async () => {
  using store = openStore();
  const { fingerprint } = await newKey(store.ctx, 'k', { password: null });
  const again = await refusal(newKey(store.ctx, 'k', { password: null }));
  assert.is(again.code, 'refused');
  rmSync(sec(store, 'k'));
  assert.is((await refusal(newKey(store.ctx, 'k', { password: null }))).code, 'refused');
  assert.is(showKey(store.ctx, 'k').fingerprint, fingerprint);
  assert.is(showKey(store.ctx, 'k').secret, 'none');
});

test('a name is no path', async () => {
  using store = openStore();
  for (const name of ['../x', 'a/b', '', '.x', '-rf', 'A', 'x\n'])
    assert.is((await refusal(newKey(store.ctx, name, { password: null }))).code, 'usage', name);
  refuses('key-missing', '../x', () => showKey(store.ctx, '../x'));
});

test('an empty pass-phrase makes no key and leaves no half', async () => {
  using store = openStore();
  assert.is((await refusal(newKey(store.ctx, 'k', { password: '' }))).code, 'usage');
  assert.equal(listKeys(store.ctx), []);
});

test('a foreign key is trusted by its fingerprint, in any grouping, and by no other', async () => {
  using store = openStore();
  const file = await foreignKey(store);
  const offer = inspectKey(store.ctx, file);
  assert.is(offer.name, 'vendor');
  assert.not.ok(offer.trusted);
  assert.equal(trustedKeys(store.ctx), []);
  refuses('refused', 'is another', () => trustKey(store.ctx, file, { fingerprint: 'f'.repeat(64) }));
  assert.equal(trustedKeys(store.ctx), []);
  const spelt = offer.fingerprint.toUpperCase().replace(/....(?=.)/g, '$& ');
  assert.ok(trustKey(store.ctx, file, { fingerprint: spelt }).trusted);
  assert.is(modeOf(pub(store, 'vendor')), 0o644);
  assert.ok(inspectKey(store.ctx, file).trusted);
});

test('what was looked at is what is trusted: a file swapped after the look is refused', async () => {
  using store = openStore();
  const file = await foreignKey(store);
  const { fingerprint } = inspectKey(store.ctx, file);
  renameSync(await foreignKey(store, 'mallory'), file);
  refuses('refused', 'is another', () => trustKey(store.ctx, file, { fingerprint }));
});

test('another key does not take the name of one that is trusted; the same key again is no change', async () => {
  using store = openStore();
  const file = await foreignKey(store);
  const { fingerprint } = inspectKey(store.ctx, file);
  trustKey(store.ctx, file, { fingerprint });
  assert.is(trustKey(store.ctx, file, { fingerprint }).name, 'vendor');
  const again = await foreignKey(store);
  const other = inspectKey(store.ctx, again);
  refuses('refused', 'exists', () => trustKey(store.ctx, again, { fingerprint: other.fingerprint }));
  assert.is(showKey(store.ctx, 'vendor').fingerprint, fingerprint);
});

const unsafe: readonly (readonly [string, (file: string) => void, string])[] = [
  ['may be written by its group', file => chmodSync(file, 0o664), 'may be written by others'],
  ['may be written by everybody', file => chmodSync(file, 0o646), 'may be written by others'],
  ['is not root’s', file => chownSync(file, 65534, 0), 'belongs to user 65534'],
  [
    'is a symbolic link',
    file => {
      renameSync(file, `${file}.real`);
      symlinkSync(`${file}.real`, file);
    },
    'is a symbolic link',
  ],
  ['is empty', file => writeFileSync(file, ''), 'it is empty'],
  ['is 2 GB', file => execFileSync('truncate', ['-s', '2G', file]), 'has 2147483648 bytes'],
  [
    'is a FIFO',
    file => {
      rmSync(file);
      execFileSync('mkfifo', [file]);
    },
    'is no regular file',
  ],
  [
    'is a directory',
    file => {
      rmSync(file);
      mkdirSync(file);
    },
    'is no regular file',
  ],
  [
    'has a point of small order',
    file => {
      const blob = Buffer.concat([Buffer.from('Ed'), Buffer.alloc(8), Buffer.from([1]), Buffer.alloc(31)]);
      writeFileSync(file, `untrusted comment: x\n${blob.toString('base64')}\n`);
    },
    'is unsafe',
  ],
];

for (const [what, spoil, words] of unsafe)
  test(`a key whose file ${what} is not trusted, is listed with the reason, and takes no other down`, async () => {
    using store = openStore();
    await newKey(store.ctx, 'bad', { password: null });
    await newKey(store.ctx, 'good', { password: null });
    spoil(pub(store, 'bad'));
    assert.equal(
      trustedKeys(store.ctx).map(({ name }) => name),
      ['good'],
    );
    const report = showKey(store.ctx, 'bad');
    assert.not.ok(report.trusted);
    assert.is(report.fingerprint, null);
    assert.match(report.problem ?? '', words);
  });

test('in a directory that others may write to no key is trusted', async () => {
  using store = openStore();
  await newKey(store.ctx, 'k', { password: null });
  for (const spoil of [
    () => chmodSync(store.ctx.paths.keys, 0o777),
    () => chownSync(store.ctx.paths.keys, 65534, 0),
  ]) {
    spoil();
    const hint = refuses('refused', 'no key in', () => trustedKeys(store.ctx)).hint;
    assert.match(hint ?? '', 'chmod go-w');
  }
});

test('a secret key that others may read is a problem that the list names', async () => {
  using store = openStore();
  await newKey(store.ctx, 'k', { password: null });
  chmodSync(sec(store, 'k'), 0o640);
  const report = showKey(store.ctx, 'k');
  assert.is(report.secret, 'none');
  assert.match(report.problem ?? '', 'may be read by others');
  assert.ok(report.trusted, 'its public half is sound');
});

test('what a crash left half-written is swept, and is no key', async () => {
  using store = openStore();
  await newKey(store.ctx, 'k', { password: null });
  writeFileSync(join(store.ctx.paths.keys, '.x.sec.0123.new'), 'half');
  assert.is(listKeys(store.ctx).length, 1);
  await newKey(store.ctx, 'l', { password: null });
  assert.equal(readdirSync(store.ctx.paths.keys).sort(), ['k.pub', 'k.sec', 'l.pub', 'l.sec']);
});

test('a full disk leaves no half of a key', async () => {
  using store = openStore();
  mkdirSync(store.ctx.paths.keys, { recursive: true });
  const mounted = store.ctx.paths.keys;
  // One page for the directory, and none for a file.
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4k,mode=0755', 'nanolin-full', mounted]);
  try {
    writeFileSync(join(mounted, 'fill'), 'x'.repeat(4096));
    assert.is((await refusal(newKey(store.ctx, 'k', { password: null }))).code, 'no-space');
    assert.equal(readdirSync(mounted), ['fill']);
  } finally {
    execFileSync('umount', [mounted]);
  }
});

test('trust ends with the file: taken away, made unsafe, or replaced in place; a new name changes nothing', async () => {
  using store = openStore();
  const { ctx } = store;
  const { fingerprint } = await newKey(ctx, 'k', { password: null });
  const signer = { name: 'k', fingerprint: fingerprint ?? '' };
  const trusts = () => checkTrusted(ctx, signer, 'jq');
  const gone = () =>
    assert.match(refuses('unsigned', 'jq is signed by the key k', trusts).hint ?? '', 'import');
  trusts();
  const file = pub(store, 'k');
  const bytes = readFileSync(file);

  renameSync(file, join(ctx.paths.keys, 'renamed.pub'));
  trusts();
  renameSync(join(ctx.paths.keys, 'renamed.pub'), file);
  trusts();

  chmodSync(file, 0o666);
  gone();
  chmodSync(file, 0o644);
  trusts();

  writeFileSync(file, readFileSync(await foreignKey(store)));
  gone();
  writeFileSync(file, bytes);
  trusts();

  copyFileSync(file, join(ctx.paths.keys, 'twin.pub'));
  trusts();
  rmSync(file);
  trusts();
  rmSync(join(ctx.paths.keys, 'twin.pub'));
  gone();
});

test.run();
