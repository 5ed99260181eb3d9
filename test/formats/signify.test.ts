import { createHash, createPrivateKey, createPublicKey, verify } from 'node:crypto';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  fingerprintOf,
  makeKeys,
  maxSignifyBytes,
  openEmbedded,
  parsePublicKey,
  parseSecretKey,
  parseSignature,
  parseSums,
  printPublicKey,
  printSecretKey,
  printSums,
  signDetached,
  signEmbedded,
  unsealKey,
  verifyText,
} from '../../src/formats/index.ts';
import { orRefused, refuses } from './throws.ts';

const { publicKey, sealedKey } = await makeKeys('test', null);
const secret = await unsealKey(sealedKey, null);
const text = Buffer.from('one text\n');
const about = { file: 'x.sig' };
const keyAbout = { file: 'x.pub' };
const embedded = signEmbedded(secret, text, { keyName: 'test' });

const head = 'untrusted comment: x\n';
const lines = (...parts: (string | Uint8Array)[]) => Buffer.concat(parts.map(part => Buffer.from(part)));
const base64Of = (file: string) => file.split('\n')[1] ?? '';

/** A public key file around 32 bytes. */
const keyFile = (point: Uint8Array) =>
  lines(head, lines('Ed', Buffer.alloc(8), point).toString('base64'), '\n');

/** A signature file around 64 bytes, with the number of a key. */
const sigFile = (number: string, bytes: Uint8Array, message: Uint8Array) =>
  lines(head, lines('Ed', Buffer.from(number, 'hex'), bytes).toString('base64'), '\n', message);

test('a comment chooses nothing: any comment verifies, and none makes a key of another', async () => {
  const other = await makeKeys('test', null);
  const [, ...rest] = embedded.toString('latin1').split('\n');
  const renamed = Buffer.from(['untrusted comment: verify with root.pub', ...rest].join('\n'), 'latin1');
  assert.is(openEmbedded([other.publicKey, publicKey], renamed, about).key, publicKey);
  refuses('unsigned', publicKey.number, () => openEmbedded([other.publicKey], renamed, about));
});

test('HOSTILE 2: a foreign key with the pinned number is refused by its signature', async () => {
  const foreign = await makeKeys('foreign', null);
  const copied = { ...(await unsealKey(foreign.sealedKey, null)), number: publicKey.number };
  const forged = signEmbedded(copied, text, { keyName: 'test' });
  refuses('signature-invalid', 'does not fit', () => openEmbedded([publicKey], forged, about));
});

test('two trusted keys may share a number: the one that signed is found', async () => {
  const twin = { ...(await makeKeys('twin', null)).publicKey, number: publicKey.number };
  assert.is(openEmbedded([twin, publicKey], embedded, about).key, publicKey);
});

test('HOSTILE 1: no byte of a signature or of its text can be another', () => {
  fc.assert(
    fc.property(fc.nat(embedded.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(embedded);
      changed[at] = (changed[at] ?? 0) ^ change;
      const inComment = at >= 'untrusted comment: '.length && at < embedded.indexOf('\n');
      if (!inComment)
        assert.ok(
          isRefused(() => openEmbedded([publicKey], changed, about)),
          `byte ${at}`,
        );
    }),
    { numRuns: 2000 },
  );
});

function isRefused(open: () => unknown): boolean {
  return orRefused('unsigned', () => orRefused('signature-invalid', open)) === null;
}

test('HOSTILE 5: a malleated signature, S + L, is refused', () => {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n;
  const { signature } = parseSignature(embedded, about);
  const s = BigInt(`0x${Buffer.from(signature.bytes.subarray(32)).reverse().toString('hex')}`);
  const shifted = Buffer.from((s + order).toString(16).padStart(64, '0'), 'hex').reverse();
  const malleated = lines(signature.bytes.subarray(0, 32), shifted);
  assert.is(malleated.length, 64, 'S + L fits: without the check it would verify');
  refuses('signature-invalid', 'does not fit', () =>
    openEmbedded([publicKey], sigFile(publicKey.number, malleated, text), about),
  );
  assert.is(
    openEmbedded([publicKey], sigFile(publicKey.number, signature.bytes, text), about).key,
    publicKey,
  );
});

/** Encodings of the eight points, both signs of x where x is not 0, and the spellings that y + p allows. */
const smallOrder = [
  '0100000000000000000000000000000000000000000000000000000000000000',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  '0000000000000000000000000000000000000000000000000000000000000000',
  '0000000000000000000000000000000000000000000000000000000000000080',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
];
const respelled = [
  '0100000000000000000000000000000000000000000000000000000000000080',
  'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
];

for (const hex of [...smallOrder, ...respelled])
  test(`HOSTILE 16: the public key ${hex} is refused`, () => {
    refuses('key-invalid', 'is unsafe', () => parsePublicKey(keyFile(Buffer.from(hex, 'hex')), keyAbout));
  });

test('HOSTILE 16: without that, OpenSSL takes one signature of nobody for every text', () => {
  const spki = Buffer.from('302a300506032b6570032100', 'hex');
  const point = Buffer.from(smallOrder[0] ?? '', 'hex');
  const key = createPublicKey({ key: lines(spki, point), format: 'der', type: 'spki' });
  // R is the base point and S is 1: R = S B - h A holds for whatever h, as A is the neutral element.
  const base = Buffer.from(`58${'66'.repeat(31)}`, 'hex');
  const forged = lines(base, Buffer.from([1]), Buffer.alloc(31));
  for (const message of ['one', 'another']) assert.ok(verify(null, Buffer.from(message), key, forged));
});

test('honest keys are not refused for their point', () => {
  for (let i = 0; i < 200; i++) {
    const seed = Buffer.alloc(32, i);
    const pkcs8 = lines(Buffer.from('302e020100300506032b657004220420', 'hex'), seed);
    const spki = createPublicKey(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }));
    const point = spki.export({ format: 'der', type: 'spki' }).subarray(-32);
    assert.equal(Buffer.from(parsePublicKey(keyFile(point), keyAbout).point), point);
  }
});

const key64 = base64Of(printPublicKey(publicKey));
const notKeys: readonly (readonly [string, string | Uint8Array, string])[] = [
  ['6: an empty file', '', 'it is empty'],
  ['6: an HTML page', '<!DOCTYPE html>\n<title>404</title>\n', 'does not begin with'],
  ['9: no newline', 'untrusted comment: x', 'comment has no end'],
  ['9: no second newline', `${head}${key64}`, 'second line has no end'],
  ['9: a NUL in the comment', `untrusted comment: a\0b\n${key64}\n`, 'a NUL in it'],
  ['9: a NUL in base64', `${head}${key64.slice(0, 20)}\0${key64.slice(20)}\n`, 'not plain base64'],
  ['9: a space in base64', `${head}${key64.slice(0, 20)} ${key64.slice(20)}\n`, 'not plain base64'],
  ['9: a leading space', `${head} ${key64}\n`, 'not plain base64'],
  ['9: CRLF', `untrusted comment: x\r\n${key64}\r\n`, 'not plain base64'],
  ['9: the URL alphabet', `${head}${'-_'.repeat(28)}\n`, 'not plain base64'],
  ['9: an empty comment', `untrusted comment: \n${key64}\n`, 'comment has 0 bytes'],
  ['9: a long comment', `untrusted comment: ${'x'.repeat(1024)}\n${key64}\n`, 'comment has 1024 bytes'],
  [
    '9: a comment of a megabyte',
    `untrusted comment: ${'x'.repeat(2 ** 20)}\n${key64}\n`,
    'more than 16384 bytes',
  ],
  ['a short key', `${head}${Buffer.alloc(41).toString('base64')}\n`, 'holds 41 bytes, expected 42'],
  ['a long key', `${head}${Buffer.alloc(43).toString('base64')}\n`, 'holds 43 bytes'],
  [
    'another algorithm',
    `${head}${lines('RS', Buffer.alloc(40)).toString('base64')}\n`,
    'not made for Ed25519',
  ],
  ['something after it', `${head}${key64}\nmore`, 'something after its key'],
  ['a signature', embedded, 'holds 74 bytes'],
  ['a secret key', printSecretKey(sealedKey), 'holds 104 bytes'],
];

for (const [what, bytes, words] of notKeys)
  test(`no public key: HOSTILE ${what}`, () => {
    refuses('key-invalid', words, () => parsePublicKey(Buffer.from(bytes), keyAbout));
  });

test('base64 has one spelling: bits that nobody reads are 0', () => {
  // 74 bytes end in one character of padding: two bits of the one before it are not used.
  const file = embedded.toString('latin1').split('\n');
  const sig = file[1] ?? '';
  assert.is(sig.at(-1), '=');
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  const last = alphabet.indexOf(sig.at(-2) ?? '');
  const respelt = [file[0], `${sig.slice(0, -2)}${alphabet[last + 1]}=`, ...file.slice(2)].join('\n');
  assert.equal(Buffer.from(respelt.split('\n')[1] ?? '', 'base64'), Buffer.from(sig, 'base64'));
  refuses('signature-invalid', 'not plain base64', () => parseSignature(Buffer.from(respelt), about));
});

test('a comment as long as the stock program takes is taken', () => {
  const comment = 'x'.repeat(1023);
  const file = `untrusted comment: ${comment}\n${key64}\n`;
  assert.is(parsePublicKey(Buffer.from(file), keyAbout).comment, comment);
});

test('a secret key whose halves do not belong together signs nothing', async () => {
  const other = await makeKeys('other', null);
  const mixed = lines(sealedKey.sealed.subarray(0, 32), other.sealedKey.sealed.subarray(32));
  const checksum = createHash('sha512').update(mixed).digest().subarray(0, 8);
  for (const [key, words] of [
    [{ ...sealedKey, sealed: mixed, checksum }, 'do not belong together'],
    [{ ...sealedKey, sealed: mixed }, 'checksum does not fit'],
  ] as const)
    await unsealKey(key, null).then(
      () => assert.unreachable(words),
      error => {
        assert.is(error.code, 'key-invalid');
        assert.match(error.message, words);
      },
    );
});

test('a secret key that asks for endless rounds is refused unopened', () => {
  const file = printSecretKey({ ...sealedKey, rounds: 2 ** 32 - 1 });
  refuses('key-invalid', 'sealed in a way', () => parseSecretKey(Buffer.from(file), { file: 'x.sec' }));
});

test('without a pass-phrase the secret lies open, with one nothing of it does', async () => {
  const { sealedKey: closed } = await makeKeys('closed', 'phrase');
  const open = await unsealKey(closed, 'phrase');
  assert.is(closed.rounds, 42);
  assert.not.ok(Buffer.from(closed.sealed).includes(Buffer.from(open.seed)));
  assert.ok(Buffer.from(sealedKey.sealed).includes(Buffer.from(secret.seed)));
});

test('a detached signature is over its text and no other', () => {
  const detached = Buffer.from(signDetached(secret, text, { keyName: 'test' }));
  const { signature } = parseSignature(detached, about);
  assert.is(verifyText([publicKey], signature, text, about), publicKey);
  refuses('signature-invalid', 'does not fit', () =>
    verifyText([publicKey], signature, Buffer.from('another'), about),
  );
  refuses('signature-invalid', 'more than', () =>
    parseSignature(lines(detached, Buffer.alloc(maxSignifyBytes)), about),
  );
});

test('the vectors of RFC 8032 come out of the same primitives', () => {
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
  const signed = signDetached({ number: '0'.repeat(16), seed }, Buffer.alloc(0), { keyName: 'rfc' });
  const { signature } = parseSignature(Buffer.from(signed), about);
  assert.is(
    Buffer.from(signature.bytes).toString('hex'),
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155' +
      '5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  );
  const point = Buffer.from('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a', 'hex');
  assert.is(
    verifyText([{ comment: 'x', number: '0'.repeat(16), point }], signature, Buffer.alloc(0), about).point,
    point,
  );
  assert.is(fingerprintOf({ point }), '21fe31dfa154a261626bf854046fd2271b7bed4b6abe45aa58877ef47f9721b9');
});

const stem = 'jq-v1.6-r26.11-G22095100';
const sums = { image: 'a'.repeat(64), manifest: '0123456789abcdef'.repeat(4) };
const [imageLine = '', listLine = ''] = printSums(stem, sums).split('\n');

test('the signed text of a package is read back, in any order', () => {
  assert.equal(parseSums(Buffer.from(printSums(stem, sums)), { ...about, stem }), sums);
  assert.equal(parseSums(Buffer.from(`${listLine}\n${imageLine}\n`), { ...about, stem }), sums);
});

const hex = sums.image;
const notSums: readonly (readonly [string, string, string])[] = [
  ['4: another package', printSums('bash-v5-r26.11-G22095100', sums), 'expected jq-v1.6'],
  ['4: the image of another', `${imageLine.replace('jq', 'bash')}\n${listLine}\n`, 'speaks of bash'],
  ['4: three files', `${imageLine}\n${listLine}\n${listLine.replace('jq', 'x')}\n`, 'expected jq-v1.6'],
  ['6: an HTML page', '<html>\n', 'is not SHA256'],
  ['6: nothing', '', 'speaks of nothing, expected'],
  ['7: a leading space', `${imageLine.replace('= ', '=  ')}\n${listLine}\n`, 'is not SHA256'],
  ['7: a space before', ` ${imageLine}\n${listLine}\n`, 'is not SHA256'],
  ['7: capitals', `${imageLine.replace(hex, hex.toUpperCase())}\n${listLine}\n`, 'is not SHA256'],
  ['7: 63 digits', `${imageLine.slice(0, -1)}\n${listLine}\n`, 'is not SHA256'],
  ['7: 65 digits', `${imageLine}a\n${listLine}\n`, 'is not SHA256'],
  ['7: absent', `SHA256 (${stem}.img) = \n${listLine}\n`, 'is not SHA256'],
  ['7: no line at all', `${listLine}\n`, 'speaks of jq-v1.6-r26.11-G22095100.lst, expected'],
  ['7: sha1', `SHA1 (${stem}.img) = ${'a'.repeat(40)}\n${listLine}\n`, 'is not SHA256'],
  [
    '8: two lines, the good one first',
    `${imageLine}\n${imageLine.replace(hex, 'b'.repeat(64))}\n${listLine}\n`,
    'twice',
  ],
  [
    '8: two lines, the good one last',
    `${imageLine.replace(hex, 'b'.repeat(64))}\n${imageLine}\n${listLine}\n`,
    'twice',
  ],
  ['8: the same line twice', `${imageLine}\n${imageLine}\n${listLine}\n`, 'twice'],
  ['9: CRLF', `${imageLine}\r\n${listLine}\r\n`, 'is not SHA256'],
  ['9: no last newline', `${imageLine}\n${listLine}`, 'no end'],
  ['9: a NUL', `${imageLine}\0\n${listLine}\n`, 'is not SHA256'],
  ['9: a path', `${imageLine.replace('(', '(../')}\n${listLine}\n`, 'speaks of ../jq'],
];

for (const [what, bytes, words] of notSums)
  test(`no signed text of a package: HOSTILE ${what}`, () => {
    refuses('signature-invalid', words, () => parseSums(Buffer.from(bytes), { ...about, stem }));
  });

test('a hostile line is shown without what a terminal would obey', () => {
  const error = refuses('signature-invalid', 'is not SHA256', () =>
    parseSums(Buffer.from('\x1b[2J\x07\n'), { ...about, stem }),
  );
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  assert.not.match(error.message, /[\x00-\x1f]/);
});

test.run();
