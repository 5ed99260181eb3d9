import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { newKey, signFiles, verifySignature } from '../../src/trust/index.ts';
import { noStock } from '../formats/stock.ts';
import { refusal } from '../layer/store.ts';
import { needs } from '../needs.ts';
import { openPublisher, password } from './publisher.ts';

needs(test, noStock)(
  'stock signify -C checks a package with no code of ours, and sees a changed byte',
  async () => {
    using vendor = await openPublisher();
    const stem = await vendor.publish('tool', { 'usr/bin/tool': 'x' });
    const name = basename(stem);
    const check = () =>
      execFileSync('signify-openbsd', ['-C', '-p', vendor.key, '-x', `${name}.sig`], {
        cwd: dirname(stem),
        encoding: 'utf8',
        stdio: 'pipe',
      });
    assert.is(check(), `Signature Verified\n${name}.img: OK\n${name}.lst: OK\n`);
    const image = readFileSync(`${stem}.img`);
    image[image.length >> 1] = (image[image.length >> 1] ?? 0) ^ 1;
    writeFileSync(`${stem}.img`, image);
    assert.throws(check, new RegExp(`${name}.img: FAIL`));
  },
);

needs(test, noStock)('what stock tools sign is verified: sha256sum --tag and signify -S -e', async () => {
  using vendor = await openPublisher();
  const stem = await vendor.make('tool', { 'usr/bin/tool': 'x' });
  const name = basename(stem);
  const secret = vendor.key.replace(/pub$/, 'sec');
  const script = `sha256sum --tag "$1.lst" "$1.img" >sums; signify-openbsd -S -e -s "$2" -m sums -x "$1.sig"`;
  execFileSync('sh', ['-euc', script, 'sh', name, secret], { cwd: dirname(stem) });
  const { key } = verifySignature(vendor.store.ctx, readFileSync(`${stem}.sig`), {
    file: 'x.sig',
    stem: name,
  });
  assert.is(key.name, 'vendor');
});

test('a sealed key asks for its pass-phrase once for many packages, an open one never', async () => {
  using vendor = await openPublisher();
  const { ctx } = vendor.store;
  await newKey(ctx, 'sealed', { password: 'phrase' });
  const stems = [await vendor.make('a', { x: '1' }), await vendor.make('b', { x: '2' })];
  let asked = 0;
  const phrase = async () => {
    asked++;
    return 'phrase';
  };
  const signatures = await signFiles(ctx, stems, { key: 'sealed', password: phrase });
  assert.equal(
    signatures,
    stems.map(stem => `${stem}.sig`),
  );
  assert.is(asked, 1);
  for (const stem of stems) {
    const about = { file: `${stem}.sig`, stem: basename(stem) };
    assert.is(verifySignature(ctx, readFileSync(`${stem}.sig`), about).key.name, 'sealed');
    assert.is(statSync(`${stem}.sig`).mode & 0o777, 0o644);
  }
  const wrong = await refusal(signFiles(ctx, stems, { key: 'sealed', password: async () => 'frase' }));
  assert.is(wrong.code, 'refused');
  assert.is((await refusal(signFiles(ctx, stems, { key: 'nobody', password }))).code, 'key-missing');
});

test('a package that no import would take is not signed', async () => {
  using vendor = await openPublisher();
  const stem = await vendor.make('a', { x: '1' });
  const other = await vendor.make('b', { x: '2' });
  copyFileSync(`${other}.img`, `${stem}.img`);
  const refused = await refusal(vendor.sign(stem));
  assert.is(refused.code, 'image-invalid');
  assert.match(refused.message, 'manifest of another image');
  const renamed = join(dirname(other), 'c-v1.0-r26.11-G22100000');
  for (const suffix of ['img', 'lst']) copyFileSync(`${other}.${suffix}`, `${renamed}.${suffix}`);
  assert.match((await refusal(vendor.sign(renamed))).message, 'manifest of another image');
  assert.is((await refusal(vendor.sign(join(dirname(other), 'none')))).code, 'source-missing');
  assert.not.ok(existsSync(`${stem}.sig`) || existsSync(`${renamed}.sig`));
});

test('a link in the place of the signature is replaced, not followed', async () => {
  using vendor = await openPublisher();
  const stem = await vendor.make('a', { x: '1' });
  const victim = join(vendor.store.scratch, 'victim');
  writeFileSync(victim, 'mine');
  symlinkSync(victim, `${stem}.sig`);
  await vendor.sign(stem);
  assert.is(readFileSync(victim, 'utf8'), 'mine');
  assert.ok(statSync(`${stem}.sig`).size > 100);
});

test.run();
