// limit: 300s
// NANOLIN_LONG=1 makes as many switches as over the kernel's overlay.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { program as served } from '../contract/stack-contract.ts';
import { program } from '../programs/build.ts';
import { setScene } from './scene.ts';
import { describe, startSwarm } from './swarm.ts';
import { switchOver, twoStacks } from './two-stacks.ts';

const switches = process.env.NANOLIN_LONG ? 1000 : 200;
const operations = switches * 1000;
const options = { backend: 'fuse', program: served } as const;

test(`${switches} switches inside a union fail no reader, here or in a slave namespace`, async () => {
  await using scene = await setScene('shared');
  const { nanolin, list } = await twoStacks(scene, options);
  await using here = startSwarm(program('swarm'), list, 1);
  await using slave = startSwarm(program('swarm'), list, 1, ['unshare', '--mount', '--propagation', 'slave']);
  for (const swarm of [here, slave]) assert.is((await swarm.ask()).failures, 0);
  await switchOver(nanolin, switches);
  while ((await here.ask()).operations + (await slave.ask()).operations < operations)
    await switchOver(nanolin, 20);
  for (const swarm of [here, slave]) {
    const counts = await swarm.end();
    assert.ok(counts && counts.operations > operations / 10);
    assert.is(counts.failures, 0, describe(counts));
    for (const [kind, done] of Object.entries(counts.done)) assert.ok(done > 0, `no ${kind} was made`);
  }
});

test('a stack goes over to unions and back to the kernel, and no reader fails', async () => {
  await using scene = await setScene('private');
  const { nanolin, list } = await twoStacks(scene, { backend: 'kernel' });
  const unions = await scene.open(options);
  await using swarm = startSwarm(program('swarm'), list, 1);
  assert.is((await swarm.ask()).failures, 0);
  for (let n = 0; n < 10; n++) {
    const { changed, gap } = await (n % 2 === 0 ? unions : nanolin).profile.switch(n % 3 ? 'one' : 'two');
    assert.equal([changed, gap], [true, false]);
  }
  const counts = await swarm.end();
  assert.ok(counts && counts.operations > 1000);
  assert.is(counts.failures, 0, describe(counts));
});

test.run();
