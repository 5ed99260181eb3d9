import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { NanolinError } from '../../src/error/index.ts';
import {
  makeKeys,
  parsePublicKey,
  parseSecretKey,
  printPublicKey,
  printSums,
  type SecretKey,
  signEmbedded,
  unsealKey,
} from '../../src/formats/index.ts';
import {
  importLayer,
  type Layer,
  listLayers,
  openVerifiedSync,
  verifyLayers,
} from '../../src/layer/index.ts';
import { inspectKey, newKey, signFiles, trustKey } from '../../src/trust/index.ts';
import { openStore, refusal, type TestStore } from '../layer/store.ts';
import { openPublisher, type Publisher } from '../trust/publisher.ts';

const text = (path: string) => readFileSync(path, 'latin1');
const sha256 = (path: string) => execFileSync('sha256sum', [path], { encoding: 'utf8' }).slice(0, 64);

/** A machine that trusts the publisher's key. */
function customer(
  vendor: Publisher,
  options: Parameters<typeof openStore>[0] = {},
): TestStore & { seen: string[] } {
  const seen: string[] = [];
  const store = openStore({ at: point => seen.push(point), ...options });
  trustKey(store.ctx, vendor.key, inspectKey(store.ctx, vendor.key));
  return { ...store, seen };
}

/** The import is refused, also with --unsigned; nothing was mounted for it and nothing is left. */
async function refused(
  store: TestStore & { seen: string[] },
  stem: string,
  code: NanolinError['code'],
  words: string,
): Promise<void> {
  const mounts = text('/proc/self/mountinfo');
  for (const options of [{}, { unsigned: true }]) {
    const error = await refusal(importLayer(store.ctx, `${stem}.img`, options));
    assert.is(error.code, code, error.message);
    assert.is(error.exit, 3);
    assert.ok(error.message.includes(words), error.message);
    assert.ok(error.message.length < 2000);
  }
  assert.equal(
    store.seen.filter(point => point === 'import:image' || point === 'import:walked'),
    [],
  );
  assert.equal(await listLayers(store.ctx), []);
  assert.equal(readdirSync(store.ctx.paths.tmp), []);
  assert.is(text('/proc/self/mountinfo'), mounts);
}

async function importOne(store: TestStore, stem: string, options = {}): Promise<Layer> {
  const [layer] = await importLayer(store.ctx, `${stem}.img`, options);
  if (!layer) throw new Error('nothing was imported');
  return layer;
}

/** Signs whatever is said with the publisher's own key: what a careless publisher, or one who lost the key, could sign. */
async function signAnything(vendor: Publisher, stem: string, said: string): Promise<void> {
  const sealed = parseSecretKey(readFileSync(vendor.key.replace(/pub$/, 'sec')), { file: 'x' });
  sign(await unsealKey(sealed, null), stem, said);
}

function sign(key: SecretKey, stem: string, said: string): void {
  writeFileSync(`${stem}.sig`, signEmbedded(key, Buffer.from(said, 'latin1'), { keyName: 'vendor' }));
}

const sumsOf = (stem: string) => ({ image: sha256(`${stem}.img`), manifest: sha256(`${stem}.lst`) });

test('a signed package needs no consent, and is kept byte for byte with its signed manifest', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.publish('tool', { 'usr/bin/tool': 'x', 'etc/tool.conf': 'y' });
  const layer = await importOne(store, stem);
  assert.is(layer.trust, 'signed');
  assert.is(layer.signedBy, 'vendor');
  assert.is(layer.image, `${basename(stem)}.img`);
  for (const suffix of ['img', 'lst'])
    assert.is(text(join(store.ctx.paths.layers, `${basename(stem)}.${suffix}`)), text(`${stem}.${suffix}`));
  openVerifiedSync(store.ctx, layer)[Symbol.dispose]();
  assert.equal(await importOne(store, stem), layer, 'the same again is the same layer');
});

test('without a signature the consent is asked for as before', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.make('tool', { x: '1' });
  assert.is((await refusal(importLayer(store.ctx, `${stem}.img`))).code, 'unsigned');
  assert.is((await importOne(store, stem, { unsigned: true })).trust, 'accepted');
});

test('HOSTILE 1: one byte of the signature changed', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.publish('tool', { x: '1' });
  const sound = text(`${stem}.sig`);
  const blob = sound.indexOf('\n') + 1;
  // The algorithm, the key number, both halves of the signature, a digest.
  for (const [at, code] of [
    [blob, 'signature-invalid'],
    [blob + 5, 'unsigned'],
    [blob + 20, 'signature-invalid'],
    [blob + 80, 'signature-invalid'],
    [sound.length - 10, 'signature-invalid'],
  ] as const) {
    const other = sound[at] === 'a' ? 'b' : 'a';
    writeFileSync(`${stem}.sig`, sound.slice(0, at) + other + sound.slice(at + 1), 'latin1');
    await refused(store, stem, code, '.sig');
  }
});

test('HOSTILE 2: a foreign key that carries the number of the trusted one', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.make('tool', { x: '1' });
  const { number } = parsePublicKey(readFileSync(vendor.key), { file: 'x' });
  const foreign = await makeKeys('vendor', null);
  sign(
    { ...(await unsealKey(foreign.sealedKey, null)), number },
    stem,
    printSums(basename(stem), sumsOf(stem)),
  );
  await refused(store, stem, 'signature-invalid', 'does not fit');
});

test('a foreign key whose comment names the trusted one is not looked up by it', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.make('tool', { x: '1' });
  const foreign = await makeKeys('vendor', null);
  sign(await unsealKey(foreign.sealedKey, null), stem, printSums(basename(stem), sumsOf(stem)));
  assert.match(text(`${stem}.sig`), 'verify with vendor.pub');
  await refused(store, stem, 'unsigned', 'a key that is not trusted here');
});

test('HOSTILE 3: the right key, but for something else', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.make('tool', { x: '1' });
  await signAnything(vendor, stem, 'RELEASE r26.11-G22095100\n');
  await refused(store, stem, 'signature-invalid', 'is not SHA256');
});

test('HOSTILE 4: the signature of one package renamed for another', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.make('tool', { x: '1' });
  copyFileSync(`${await vendor.publish('other', { x: '2' })}.sig`, `${stem}.sig`);
  await refused(store, stem, 'signature-invalid', 'it speaks of other-v1.0');
});

test('HOSTILE 4: a package renamed as a whole', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.publish('tool', { x: '1' });
  const renamed = stem.replace('tool-v1.0', 'bash-v9.9');
  for (const suffix of ['img', 'lst', 'sig']) renameSync(`${stem}.${suffix}`, `${renamed}.${suffix}`);
  await refused(store, renamed, 'signature-invalid', 'expected bash-v9.9');
});

test('HOSTILE 4: the images, or the manifests, or both, of two packages swapped', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  // The same length, so that only the digest tells.
  const a = await vendor.publish('aaaa', { x: '1' });
  const b = await vendor.publish('bbbb', { x: '2' }, join(a, '..'));
  const swap = (suffix: string) => {
    renameSync(`${a}.${suffix}`, `${a}.aside`);
    renameSync(`${b}.${suffix}`, `${a}.${suffix}`);
    renameSync(`${a}.aside`, `${b}.${suffix}`);
  };
  swap('img');
  await refused(store, a, 'image-invalid', 'is not the image that vendor signed');
  swap('lst');
  await refused(store, a, 'image-invalid', 'is not the manifest that vendor signed');
  swap('img');
  await refused(store, b, 'image-invalid', 'is not the manifest that vendor signed');
  swap('lst');
  assert.is((await importOne(store, a)).name, 'aaaa');
});

test('HOSTILE 5: a malleated signature', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.publish('tool', { x: '1' });
  const [comment, base64 = '', ...rest] = text(`${stem}.sig`).split('\n');
  const blob = Buffer.from(base64, 'base64');
  const s = BigInt(`0x${Buffer.from(blob.subarray(42)).reverse().toString('hex')}`);
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  Buffer.from((s + order).toString(16).padStart(64, '0'), 'hex')
    .reverse()
    .copy(blob, 42);
  writeFileSync(`${stem}.sig`, [comment, blob.toString('base64'), ...rest].join('\n'));
  await refused(store, stem, 'signature-invalid', 'does not fit');
});

const files: readonly (readonly [string, (path: string) => void, string])[] = [
  ['6: empty', path => writeFileSync(path, ''), 'it is empty'],
  [
    '6: an HTML page',
    path => writeFileSync(path, '<!DOCTYPE html><h1>It works!</h1>\n'),
    'does not begin with',
  ],
  ['9: 2 GB', path => truncateSync(path, 2 ** 31), 'has 2147483648 bytes, more than 16384'],
  ['9: no newline', path => writeFileSync(path, text(path).replaceAll('\n', ' ')), 'has no end'],
  [
    '9: a NUL in base64',
    path => writeFileSync(path, text(path).replace('\nRW', '\nRW\0')),
    'not plain base64',
  ],
  [
    '9: a comment of a megabyte',
    path => writeFileSync(path, text(path).replace('verify', 'x'.repeat(2 ** 20))),
    'more than 16384',
  ],
  ['9: CRLF', path => writeFileSync(path, text(path).replaceAll('\n', '\r\n')), 'not plain base64'],
  [
    '43: a symbolic link',
    path => {
      renameSync(path, `${path}.real`);
      symlinkSync(`${path}.real`, path);
    },
    'is a symbolic link',
  ],
  [
    '43: a FIFO',
    path => {
      rmSync(path);
      execFileSync('mkfifo', [path]);
    },
    'is no regular file',
  ],
  [
    '43: a zero device',
    path => {
      rmSync(path);
      execFileSync('mknod', [path, 'c', '1', '5']);
    },
    'is no regular file',
  ],
  [
    'a directory',
    path => {
      rmSync(path);
      mkdirSync(path);
    },
    'is no regular file',
  ],
];

for (const [what, spoil, words] of files)
  test(`HOSTILE ${what} in place of the signature`, async () => {
    using vendor = await openPublisher();
    using store = customer(vendor);
    const stem = await vendor.publish('tool', { x: '1' });
    spoil(`${stem}.sig`);
    await refused(store, stem, 'signature-invalid', words);
  });

test('HOSTILE 6: the manifest is missing, or is something else', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.publish('tool', { x: '1' });
  appendFileSync(`${stem}.lst`, './zzz type=dir mode=0755 uid=0 gid=0\n');
  await refused(store, stem, 'image-invalid', 'is not the manifest that vendor signed');
  rmSync(`${stem}.lst`);
  await refused(store, stem, 'image-invalid', 'is not beside it');
  execFileSync('mkfifo', [`${stem}.lst`]);
  await refused(store, stem, 'image-invalid', 'is no regular file');
});

const said: readonly (readonly [string, (sums: string) => string])[] = [
  ['7: a leading space', sums => sums.replace('= ', '=  ')],
  ['7: capitals', sums => sums.replace(/= .*/, digest => digest.toUpperCase())],
  ['7: 63 digits', sums => sums.replace(/.\n/, '\n')],
  ['7: no digest', sums => sums.replace(/= .*/, '= ')],
  ['7: no line for the manifest', sums => sums.replace(/\n.*\n$/, '\n')],
  ['7: no line for the image', sums => sums.replace(/^.*\n/, '')],
  ['7: sha1', sums => sums.replace(/^SHA256 (.*) = .*/, `SHA1 $1 = ${'a'.repeat(40)}`)],
  [
    '8: two lines for the image, the good one first',
    sums => sums + sums.replace(/= .{4}/, '= 0000').replace(/\n.*\n$/, '\n'),
  ],
  [
    '8: two lines for the image, the good one last',
    sums => sums.replace(/\n.*/s, '\n').replace(/= .{4}/, '= 0000') + sums,
  ],
];

for (const [what, change] of said)
  test(`HOSTILE ${what}, signed by the trusted key`, async () => {
    using vendor = await openPublisher();
    using store = customer(vendor);
    const stem = await vendor.make('tool', { x: '1' });
    const sums = printSums(basename(stem), sumsOf(stem));
    assert.is.not(change(sums), sums);
    await signAnything(vendor, stem, change(sums));
    await refused(store, stem, 'signature-invalid', '.sig: ');
  });

test('HOSTILE 16: a key of small order is not trusted, though it lies among the trusted ones', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.make('tool', { x: '1' });
  const weak = { comment: 'weak', number: 'ab'.repeat(8), point: Buffer.from(`01${'00'.repeat(31)}`, 'hex') };
  writeFileSync(join(store.ctx.paths.keys, 'weak.pub'), printPublicKey(weak));
  // R is the base point and S is 1, which OpenSSL takes for every text under this key.
  const forged = Buffer.concat([
    Buffer.from('Ed'),
    Buffer.from(weak.number, 'hex'),
    Buffer.from(`58${'66'.repeat(31)}01${'00'.repeat(31)}`, 'hex'),
  ]);
  const sums = printSums(basename(stem), sumsOf(stem));
  writeFileSync(`${stem}.sig`, `untrusted comment: x\n${forged.toString('base64')}\n${sums}`);
  await refused(store, stem, 'unsigned', 'not trusted here');
});

/** Changes the manifest and signs it again: everything agrees but the manifest and the image. */
async function withManifest(vendor: Publisher, change: (manifest: string) => string): Promise<string> {
  const stem = await vendor.make('tool', { 'usr/bin/a': '1', 'usr/bin/b': '2' });
  const changed = change(text(`${stem}.lst`));
  assert.is.not(changed, text(`${stem}.lst`));
  writeFileSync(`${stem}.lst`, changed, 'latin1');
  await signAnything(vendor, stem, printSums(basename(stem), sumsOf(stem)));
  return stem;
}

const manifests: readonly (readonly [string, (manifest: string) => string, string])[] = [
  [
    '36: a file of the image left out',
    lst => lst.replace(/^\.\/usr\/bin\/b .*\n/m, ''),
    'leaves out /usr/bin/b',
  ],
  [
    '36: a file listed that the image lacks',
    lst => lst.replace(/^(\.\/usr\/bin\/b)( .*\n)/m, '$1$2$1c$2'),
    'lists what it lacks: /usr/bin/bc',
  ],
  ['36: another mode', lst => lst.replace(/(bin\/b .*mode=)0755/, '$104755'), 'something else of /usr/bin/b'],
  ['36: another owner', lst => lst.replace(/(bin\/b .*uid=)0/, '$11'), 'something else of /usr/bin/b'],
  [
    '36: another content',
    lst => lst.replace(/(bin\/b .*sha256=)..../, '$10000'),
    'something else of /usr/bin/b',
  ],
  [
    '36: an attribute that no file has',
    lst => lst.replace(/^(\.\/usr\/bin\/b) .*\n/m, '$&#xattr $1 user.x=eA==\n'),
    'something else of /usr/bin/b',
  ],
  [
    '36: files that are one',
    lst =>
      lst
        .replace(/^(\.\/usr\/bin\/a) .*\n/m, line => line)
        .replace(
          /^(\.\/usr\/bin)\/a (.*)\n.*\n/m,
          '$1/a $2 nlink=2\n#inode $1/a 1\n$1/b $2 nlink=2\n#inode $1/b 1\n',
        ),
    'something else of',
  ],
];

for (const [what, change, words] of manifests)
  test(`HOSTILE ${what}, all of it signed`, async () => {
    using vendor = await openPublisher();
    using store = customer(vendor);
    const stem = await withManifest(vendor, change);
    for (const options of [{}, { unsigned: true }]) {
      const error = await refusal(importLayer(store.ctx, `${stem}.img`, options));
      assert.is(error.code, 'image-invalid', error.message);
      assert.ok(error.message.includes(words), error.message);
    }
    assert.equal(await listLayers(store.ctx), []);
    assert.equal(readdirSync(store.ctx.paths.tmp), []);
  });

const line = './usr/bin/b type=file mode=0755 uid=0 gid=0 size=1';
const headers: readonly (readonly [string, (manifest: string) => string, string])[] = [
  ['30: a header of another package', lst => lst.replaceAll('tool', 'sudo'), 'speaks of sudo-v1.0'],
  [
    '30: a header that contradicts itself',
    lst => lst.replace('#package tool', '#package sudo'),
    'expected sudo-v1.0',
  ],
  ['30: another size', lst => lst.replace(/#size (\d)/, '#size 1$1'), 'its signed manifest says'],
  ['30: another digest', lst => lst.replace(/#sha256 ..../, '#sha256 0000'), 'another digest'],
  [
    '38: unsorted',
    lst => lst.replace(/^(\.\/usr\/bin\/a .*\n)(\.\/usr\/bin\/b .*\n)/m, '$2$1'),
    'not sorted',
  ],
  ['38: a path twice', lst => lst.replace(/^\.\/usr\/bin\/b .*\n/m, '$&$&'), 'duplicate entry'],
  ['38: ./a/../b', lst => lst.replace('./usr/bin/b ', './usr/bin/a/../b '), 'not normalised'],
  ['38: glob characters', lst => lst.replace('./usr/bin/b ', './usr/bin/b* '), 'not in canonical form'],
  ['38: size=-1', lst => lst.replace(line, line.replace('size=1', 'size=-1')), 'expected a number'],
  ['38: mode=99999', lst => lst.replace(line, line.replace('0755', '99999')), 'mode'],
];

for (const [what, change, words] of headers)
  test(`HOSTILE ${what}, all of it signed`, async () => {
    using vendor = await openPublisher();
    using store = customer(vendor);
    await refused(store, await withManifest(vendor, change), 'image-invalid', words);
  });

test('HOSTILE 12: a signed package from two hours ahead is refused', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor, { now: () => new Date('2026-11-22T07:59:59Z') });
  await refused(store, await vendor.publish('tool', { x: '1' }), 'refused', 'made in the future');
});

test('HOSTILE 39: truncated, extended, one bit flipped in the last block', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.publish('tool', { x: '1'.repeat(100_000) });
  const sound = readFileSync(`${stem}.img`);
  truncateSync(`${stem}.img`, sound.length - 4096);
  await refused(store, stem, 'image-invalid', 'it is truncated');
  writeFileSync(`${stem}.img`, Buffer.concat([sound, Buffer.alloc(4096)]));
  await refused(store, stem, 'image-invalid', 'its signed manifest says');
  const flipped = Buffer.from(sound);
  flipped[sound.length - 1] = (flipped.at(-1) ?? 0) ^ 1;
  writeFileSync(`${stem}.img`, flipped);
  await refused(store, stem, 'image-invalid', 'is not the image that vendor signed');
});

test('HOSTILE 40: a signature does not make an image of what is none', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.make('tool', { x: '1' });
  truncateSync(`${stem}.img`, 0);
  truncateSync(`${stem}.img`, 2 ** 20);
  execFileSync('/sbin/mke2fs', ['-q', '-F', '-t', 'ext4', '-O', '^has_journal', `${stem}.img`]);
  const manifest = text(`${stem}.lst`)
    .replace(/#size .*/, `#size ${2 ** 20}`)
    .replace(/#sha256 .*/, `#sha256 ${sha256(`${stem}.img`)}`);
  writeFileSync(`${stem}.lst`, manifest, 'latin1');
  await vendor.sign(stem);
  await refused(store, stem, 'image-invalid', 'it is an ext file system');
});

test('HOSTILE 41: a fuzzed superblock with a bad signature is never mounted', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.publish('tool', { x: '1'.repeat(5000) });
  const sound = readFileSync(`${stem}.img`);
  for (let round = 0; round < 200; round++) {
    const fuzzed = Buffer.from(sound);
    // Bytes of erofs' superblock after magic and checksum.
    for (let i = 0; i < 3; i++) fuzzed[1032 + ((round * 7 + i * 31) % 120)] = (round * 37 + i * 101) & 0xff;
    if (fuzzed.equals(sound)) continue;
    writeFileSync(`${stem}.img`, fuzzed);
    const error = await refusal(importLayer(store.ctx, `${stem}.img`, { unsigned: true }));
    assert.is(error.exit, 3, error.message);
  }
  assert.equal(
    store.seen.filter(point => point === 'import:image' || point === 'import:walked'),
    [],
  );
});

test('HOSTILE 42: an image swapped while it is imported is not the signed one', async () => {
  using vendor = await openPublisher();
  const stem = await vendor.publish('tool', { x: '1' });
  const other = await vendor.make('tool', { x: '2' });
  const sound = readFileSync(`${stem}.img`);
  const importing = (swap: () => void) =>
    customer(vendor, {
      progress: ({ task, done }) => {
        if (task === 'copy' && done === 0) swap();
      },
    });
  {
    using store = importing(() => copyFileSync(`${other}.img`, `${stem}.img`));
    const error = await refusal(importLayer(store.ctx, `${stem}.img`));
    assert.match(error.message, 'is not the image that vendor signed');
    assert.equal(await listLayers(store.ctx), []);
  }
  writeFileSync(`${stem}.img`, sound);
  {
    using store = importing(() => renameSync(`${other}.img`, `${stem}.img`));
    const layer = await importOne(store, stem);
    assert.equal(readFileSync(join(store.ctx.paths.layers, layer.image)), sound, 'the file that was checked');
  }
});

test('a signed package keeps its name', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.publish('tool', { x: '1' });
  for (const options of [{ name: 'bash' }, { version: '9' }])
    assert.is((await refusal(importLayer(store.ctx, `${stem}.img`, options))).code, 'usage');
  assert.is((await importOne(store, stem, { name: 'tool', version: '1.0' })).name, 'tool');
});

test('HOSTILE 15: when the key is voided, what it signed is not attached; a signature of another key brings it back', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const { ctx } = store;
  const stem = await vendor.publish('tool', { x: '1' });
  const layer = await importOne(store, stem);
  using _other = openVerifiedSync(ctx, layer);
  rmSync(join(ctx.paths.keys, 'vendor.pub'));
  const error = await refusal(Promise.resolve().then(() => openVerifiedSync(ctx, layer)));
  assert.is(error.code, 'unsigned');
  assert.match(error.message, 'tool is signed by the key vendor, which is not trusted any more');
  assert.match((await verifyLayers(ctx, []))[0]?.message ?? '', 'the key vendor');
  await refusal(importLayer(ctx, `${stem}.img`));

  const next = await newKey(vendor.store.ctx, 'next', { password: null });
  const nextFile = join(vendor.store.ctx.paths.keys, 'next.pub');
  trustKey(ctx, nextFile, { fingerprint: next.fingerprint ?? '' });
  await signFiles(vendor.store.ctx, [stem], { key: 'next', password: async () => '' });
  const again = await importOne(store, stem);
  assert.is(again.signedBy, 'next');
  assert.is(again.image, layer.image);
  openVerifiedSync(ctx, again)[Symbol.dispose]();
});

test('an image that was taken in unsigned gets its signature later, without being removed', async () => {
  using vendor = await openPublisher();
  using store = customer(vendor);
  const stem = await vendor.publish('tool', { x: '1' });
  renameSync(`${stem}.sig`, `${stem}.aside`);
  assert.is((await importOne(store, stem, { unsigned: true })).trust, 'accepted');
  renameSync(`${stem}.aside`, `${stem}.sig`);
  const signed = await importOne(store, stem);
  assert.is(signed.trust, 'signed');
  assert.is((await listLayers(store.ctx)).length, 1);
});

test('a layer that this machine made stays its own', async () => {
  using vendor = await openPublisher();
  const stem = await vendor.publish('tool', { x: '1' });
  assert.is((await importOne(vendor.store, stem)).trust, 'made');
});

test.run();
