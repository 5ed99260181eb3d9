// limit: 600s
import { writeFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { program } from '../programs/build.ts';
import { setScene } from './scene.ts';
import { describe, startSwarm, swarmList } from './swarm.ts';
import { expectedAt } from './trees.ts';
import { switchOver, twoStacks } from './two-stacks.ts';

const switches = 1000;
const operations = 1_000_000;

test(`${switches} switches on a private parent fail no reader`, async () => {
  await using scene = await setScene('private');
  const { nanolin, list } = await twoStacks(scene);
  await using swarm = startSwarm(program('swarm'), list, 2);
  assert.is((await swarm.ask()).failures, 0, 'the stack was not whole to begin with');

  await switchOver(nanolin, switches);
  while ((await swarm.ask()).operations < operations) await switchOver(nanolin, 20);

  const counts = await swarm.end();
  assert.ok(counts && counts.operations >= operations);
  assert.is(counts.failures, 0, describe(counts));
  for (const [kind, done] of Object.entries(counts.done)) assert.ok(done > 0, `no ${kind} was made`);
});

test(`${switches} switches on a shared parent fail no reader, here or in a slave namespace`, async () => {
  await using scene = await setScene('shared');
  const { nanolin, list } = await twoStacks(scene);
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
  }
});

test('a slave namespace sees each switch', async () => {
  await using scene = await setScene('shared');
  const { nanolin, list } = await twoStacks(scene);
  // It accepts the first stack only, so it must begin to find what is wrong when the second one arrives.
  writeFileSync(list, swarmList(expectedAt(scene.target, ['one'])));
  await using slave = startSwarm(program('swarm'), list, 1, ['unshare', '--mount', '--propagation', 'slave']);
  assert.is((await slave.ask()).failures, 0);
  await nanolin.profile.switch('two');
  for (let asked = 0; asked < 10_000 && (await slave.ask()).failures === 0; asked++) {}
  const counts = await slave.end();
  assert.equal(Object.keys(counts?.failed ?? {}), ['read wrong']);
});

test('the swarm finds the gap where there is one', async () => {
  await using scene = await setScene('private');
  const { nanolin, list } = await twoStacks(scene, { forced: ['no-beneath'] });
  await using swarm = startSwarm(program('swarm'), list, 2);
  assert.is((await swarm.ask()).failures, 0);
  for (let n = 0; n < 2 || ((await swarm.ask()).failures === 0 && n < switches); n++)
    assert.is((await nanolin.profile.switch(n % 2 === 0 ? 'two' : 'one')).gap, true);
  const counts = await swarm.end();
  assert.ok(counts && counts.failures > 0, 'no reader failed in a switch that says it has a gap');
  assert.ok(
    Object.keys(counts.failed).some(kind => kind.endsWith('ENOENT')),
    describe(counts),
  );
});

test.run();
