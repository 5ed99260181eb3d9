import { existsSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { setScene } from '../gap/scene.ts';
import { refusal } from '../layer/store.ts';
import { openPublisher } from '../trust/publisher.ts';

test('HOSTILE 15: a switch leaves a layer out whose key was voided, names the key, and the running stack goes on', async () => {
  using vendor = await openPublisher();
  await using scene = await setScene('private');
  const nanolin = await scene.open();
  const { fingerprint } = await nanolin.key.inspect(vendor.key);
  await nanolin.key.trust(vendor.key, { fingerprint });
  await nanolin.layer.import(`${await vendor.publish('tool', { tool: 'signed' })}.img`);
  await nanolin.layer.import(`${await vendor.publish('other', { other: 'signed' })}.img`);
  scene.profile('one', ['tool']);
  scene.profile('both', ['tool', 'other']);
  await nanolin.profile.switch('one');
  assert.is(readFileSync(join(scene.target, 'tool'), 'utf8'), 'signed');

  rmSync(join(scene.root, 'etc/nanolin/keys/vendor.pub'));
  const error = await refusal(nanolin.profile.switch('both', { strict: true }));
  assert.is(error.exit, 3);
  assert.match(error.message, 'the key vendor, which is not trusted any more');
  assert.is(readFileSync(join(scene.target, 'tool'), 'utf8'), 'signed', 'what runs is not torn down');

  const { leftOut } = await nanolin.profile.switch('both');
  assert.equal(
    leftOut.map(({ layer, code }) => [layer, code]),
    [
      ['other', 'unsigned'],
      ['tool', 'unsigned'],
    ],
  );
  assert.not.ok(existsSync(join(scene.target, 'tool')));
  assert.ok(existsSync(join(scene.target, 'base')));

  await nanolin.key.trust(vendor.key, { fingerprint });
  assert.equal((await nanolin.profile.switch('both')).leftOut, []);
  assert.is(readFileSync(join(scene.target, 'other'), 'utf8'), 'signed');
});

test.run();
