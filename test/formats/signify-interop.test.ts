// limit: 300s
import { randomBytes, randomInt } from 'node:crypto';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  makeKeys,
  openEmbedded,
  parsePublicKey,
  parseSecretKey,
  parseSignature,
  printPublicKey,
  printSecretKey,
  signDetached,
  signEmbedded,
  unsealKey,
  verifyText,
} from '../../src/formats/index.ts';
import { needs } from '../needs.ts';
import { type Bench, noStock, openBench } from './stock.ts';

const withStock = needs(test, noStock);
const count = 1000;
const numbers = Array.from({ length: count }, (_, i) => i);

/** Of any length up to what a signature file holds, the empty one too; any bytes. */
const randomText = (i: number): Buffer => randomBytes(i === 0 ? 0 : randomInt(i % 10 === 0 ? 16_000 : 300));

const at = (i: number) => ({ file: `${i}` });

withStock('1,000 random keys and texts of the stock program are verified, detached and embedded', () => {
  using bench = openBench();
  const texts = numbers.map(randomText);
  for (const i of numbers) bench.put(`${i}.txt`, texts[i] ?? '');
  bench.shell(`i=0; while [ $i -lt ${count} ]; do
    signify -G -n -p $i.pub -s $i.sec
    if [ $((i % 2)) = 0 ]; then embed=; else embed=-e; fi
    signify -S $embed -s $i.sec -m $i.txt -x $i.sig
    i=$((i + 1)); done`);
  const keys = numbers.map(i => parsePublicKey(bench.get(`${i}.pub`), at(i)));
  for (const i of numbers) {
    const { signature, text } = parseSignature(bench.get(`${i}.sig`), at(i));
    const signed = texts[i] ?? Buffer.alloc(0);
    assert.equal(text, i % 2 ? signed : Buffer.alloc(0));
    const signer = verifyText(keys, signature, signed, at(i));
    assert.is(signer, keys[i]);
  }
});

withStock(
  '1,000 random keys and texts of ours are verified by the stock program, and the keys are its own',
  async () => {
    using bench = openBench();
    for (const i of numbers) {
      const { publicKey, sealedKey } = await makeKeys('random', null);
      const text = randomText(i);
      const secret = await unsealKey(sealedKey, null);
      bench.put(`${i}.pub`, printPublicKey(publicKey));
      bench.put(`${i}.sec`, printSecretKey(sealedKey));
      bench.put(`${i}.txt`, text);
      const sign = i % 2 ? signEmbedded : signDetached;
      bench.put(`${i}.sig`, sign(secret, text, { keyName: `${i}` }));
    }
    const said = bench.shell(`i=0; while [ $i -lt ${count} ]; do
    if [ $((i % 2)) = 0 ]; then signify -V -p $i.pub -m $i.txt -x $i.sig
    else signify -V -e -p $i.pub -m $i.out -x $i.sig; cmp $i.txt $i.out; fi
    i=$((i + 1)); done`);
    assert.is(said, 'Signature Verified\n'.repeat(count));
    // Ed25519 has one signature for a key and a text: the stock program makes the same bytes with our key.
    const same = bench.shell(`i=0; while [ $i -lt ${count} ]; do
    if [ $((i % 2)) = 0 ]; then embed=; else embed=-e; fi
    signify -S $embed -s $i.sec -m $i.txt -x again; cmp again $i.sig; i=$((i + 25)); done`);
    assert.is(same, '');
  },
);

/** The last is as long as the stock program takes, and none of them is ASCII only. */
const phrases = ['pass phrase', 'grüße \u{1f511}', '"\'\\ $x `', `${'ü'.repeat(511)}1`];

withStock('keys with a pass-phrase go both ways', async () => {
  using bench = openBench();
  for (const [i, phrase] of phrases.entries()) {
    bench.stock(['-G', '-p', `${i}.pub`, '-s', `${i}.sec`], `${phrase}\n${phrase}\n`);
    const theirs = await unsealKey(parseSecretKey(bench.get(`${i}.sec`), at(i)), phrase);
    const text = randomBytes(i * 100);
    bench.put('theirs.sig', signEmbedded(theirs, text, { keyName: 'theirs' }));
    bench.stock(['-V', '-e', '-p', `${i}.pub`, '-m', 'out', '-x', 'theirs.sig']);
    assert.equal(bench.get('out'), text);

    const ours = await makeKeys('ours', phrase);
    bench.put('ours.sec', printSecretKey(ours.sealedKey));
    bench.put('text', text);
    bench.stock(['-S', '-e', '-s', 'ours.sec', '-m', 'text', '-x', 'ours.sig'], `${phrase}\n`);
    assert.equal(openEmbedded([ours.publicKey], bench.get('ours.sig'), at(i)).text, text);
  }
});

withStock('a wrong pass-phrase opens neither their key nor ours, on either side', async () => {
  using bench = openBench();
  bench.stock(['-G', '-p', 'k.pub', '-s', 'k.sec'], 'right\nright\n');
  const sealed = parseSecretKey(bench.get('k.sec'), at(0));
  for (const wrong of ['wrong', 'right ', 'Right'])
    assert.is(await codeOf(unsealKey(sealed, wrong)), 'refused');
  assert.is(await codeOf(unsealKey(sealed, '')), 'usage');
  assert.is(await codeOf(unsealKey(sealed, null)), 'usage');
  assert.is(await codeOf(unsealKey(sealed, 'nul\0')), 'usage');
  const { sealedKey } = await makeKeys('ours', 'right');
  bench.put('ours.sec', printSecretKey(sealedKey));
  bench.put('text', 'x');
  assert.throws(
    () => bench.stock(['-S', '-s', 'ours.sec', '-m', 'text', '-x', 'sig'], 'wrong\n'),
    /incorrect passphrase/,
  );
});

withStock('what the stock program wrote is printed again byte for byte', () => {
  using bench = openBench();
  bench.stock(['-G', '-n', '-c', 'Käse & Söhne', '-p', 'k.pub', '-s', 'k.sec']);
  assert.is(printPublicKey(parsePublicKey(bench.get('k.pub'), at(0))), read(bench, 'k.pub'));
  assert.is(printSecretKey(parseSecretKey(bench.get('k.sec'), at(0))), read(bench, 'k.sec'));
  assert.is(parsePublicKey(bench.get('k.pub'), at(0)).comment, 'Käse & Söhne public key');
});

function read(bench: Bench, name: string): string {
  return bench.get(name).toString('utf8');
}

async function codeOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => 'done',
    error => error.code,
  );
}

test.run();
