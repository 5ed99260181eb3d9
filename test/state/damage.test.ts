import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Nanolin } from '../../src/index.ts';
import { refused } from '../contract/stack-contract.ts';
import { makeWorld, mountsBelow, read, type World } from '../contract/world.ts';

const test = suite('state that was damaged, or is of another time');

async function switched(world: World): Promise<{ target: string; nanolin: Nanolin }> {
  const target = world.directory('usr', { base: 'base' });
  for (const layer of ['one', 'two']) await world.layer(layer, { who: layer });
  for (const layer of ['one', 'two']) world.profile(layer, `TARGETS ${target} from=/`, `ENABLES ${layer}`);
  const nanolin = await world.open();
  await nanolin.profile.switch('one');
  await nanolin.profile.switch('two');
  return { target, nanolin };
}

for (const name of [
  'var/lib/nanolin/generations/2.json',
  'var/lib/nanolin/layers.json',
  'run/nanolin/mounts.json',
])
  test(`${name} is set aside once, and the stack that is mounted stays`, async () => {
    await using world = await makeWorld();
    const { target, nanolin } = await switched(world);
    const file = join(world.root, name);
    writeFileSync(file, readFileSync(file, 'utf8').slice(0, -9));
    const before = mountsBelow(target);
    await refused('state-corrupt', nanolin.profile.switch('one'));
    assert.equal(mountsBelow(target), before);
    assert.ok(!existsSync(file));
    assert.ok(
      readdirSync(join(file, '..')).some(entry => entry.startsWith(`${name.replace(/.*\//, '')}.corrupt-`)),
    );
    // The next command goes on with what is left: it does not stumble over the same file again.
    const error = await nanolin.profile.switch('one').then(
      () => null,
      thrown => thrown,
    );
    if (error) assert.not.equal(error.code, 'state-corrupt');
    assert.is(read(`${target}/base`), 'base');
  });

test('a lost generation is reported, and its number is not used again', async () => {
  await using world = await makeWorld();
  const { target, nanolin } = await switched(world);
  writeFileSync(join(world.root, 'var/lib/nanolin/generations/2.json'), '{');
  await refused('state-corrupt', nanolin.profile.switch('one'));
  const status = await nanolin.status();
  assert.match(status.recovery.join(), /of generation 2, whose record is lost/);
  assert.is((await nanolin.profile.switch('one')).generation, 3);
  assert.equal(
    [read(`${target}/who`), (await nanolin.status()).recovery, mountsBelow(target).length],
    ['one', [], 1],
  );
});

test('what a newer nanolin wrote is refused and left alone', async () => {
  await using world = await makeWorld();
  const { nanolin } = await switched(world);
  const file = join(world.root, 'var/lib/nanolin/generations/2.json');
  const newer = readFileSync(file, 'utf8').replace('"schema":1', '"schema":2');
  writeFileSync(file, newer);
  await refused('state-future', nanolin.profile.switch('one'));
  assert.is(readFileSync(file, 'utf8'), newer);
});

test('after a reboot nothing is mounted, status says so, and --restore brings the last generation back', async () => {
  await using world = await makeWorld();
  const { target, nanolin } = await switched(world);
  execFileSync('umount', [target]);
  const file = join(world.root, 'run/nanolin/mounts.json');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/"boot":"[^"]*"/, '"boot":"another"'));
  const status = await nanolin.status();
  assert.equal([status.profile, status.targets[0]?.mounted, status.health], ['two', false, 'degraded']);
  assert.match(status.recovery.join(), /--restore/);
  const result = await nanolin.profile.restore();
  assert.equal([read(`${target}/who`), result.generation, result.changed], ['two', 2, true]);
  assert.is((await nanolin.profile.restore()).changed, false);
});

test('a stack of another mount namespace that lives is not touched; of one that ended it is forgotten', async () => {
  await using world = await makeWorld();
  const { target, nanolin } = await switched(world);
  const file = join(world.root, 'run/nanolin/mounts.json');
  const record = JSON.parse(readFileSync(file, 'utf8'));
  const inner = (script: string) =>
    execFileSync('unshare', ['-m', '--propagation', 'private', 'sh', '-c', script], { encoding: 'utf8' });
  const command = `node ${join(import.meta.dirname, '../../dist/nanolin.js')} --root ${world.root} profile switch one --json || true`;
  assert.is(JSON.parse(inner(command)).error.code, 'foreign-mount');
  assert.is(read(`${target}/who`), 'two');
  writeFileSync(file, JSON.stringify({ ...record, namespace: 1 }));
  execFileSync('umount', [target]);
  await nanolin.profile.switch('one');
  assert.equal([read(`${target}/who`), mountsBelow(target).length], ['one', 1]);
});

test.run();
