import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { refused } from '../contract/stack-contract.ts';
import { makeWorld, mountsBelow, read, type World, writeFiles } from '../contract/world.ts';

const test = suite('a full disk under the state directory');

/** A small tmpfs as var/lib/nanolin; `fill` leaves not one page free. */
function smallDisk(world: World): { fill: () => void; free: () => void; unmount: () => void } {
  const lib = join(world.root, 'var/lib/nanolin');
  mkdirSync(lib, { recursive: true });
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m,mode=755', 'small', lib]);
  const filler = join(lib, 'filler');
  return {
    fill() {
      const fd = openSync(filler, 'w');
      const page = Buffer.alloc(4096);
      try {
        for (;;) writeSync(fd, page);
      } catch (error) {
        assert.is((error as NodeJS.ErrnoException).code, 'ENOSPC');
      } finally {
        closeSync(fd);
      }
    },
    free: () => rmSync(filler, { force: true }),
    unmount: () => execFileSync('umount', ['--lazy', lib]),
  };
}

test('a switch says so, keeps the old stack, and goes through once there is space', async () => {
  await using world = await makeWorld();
  const disk = smallDisk(world);
  try {
    const target = world.directory('usr', { base: 'base' });
    for (const name of ['old', 'new']) {
      await world.layer(name, { who: name });
      world.profile(name, `TARGETS ${target} from=/`, `ENABLES ${name}`);
    }
    const nanolin = await world.open();
    await nanolin.profile.switch('old');
    const before = mountsBelow(target);
    disk.fill();
    await refused('no-space', nanolin.profile.switch('new'));
    assert.equal([read(`${target}/who`), (await nanolin.status()).profile], ['old', 'old']);
    assert.equal(mountsBelow(target), before);
    disk.free();
    await nanolin.profile.switch('new');
    assert.equal([read(`${target}/who`), (await nanolin.status()).profile], ['new', 'new']);
    await nanolin.rollback(0);
  } finally {
    disk.unmount();
  }
});

test('an import says so and leaves nothing behind', async () => {
  await using world = await makeWorld();
  const disk = smallDisk(world);
  try {
    const tree = join(world.live, 'tree');
    writeFiles(tree, { 'usr/big': 'x'.repeat(1_000_000) });
    const nanolin = await world.open();
    assert.equal(await nanolin.layer.list(), []);
    await nanolin.layer.import(tree, { name: 'first', version: '1' });
    disk.fill();
    await refused('no-space', nanolin.layer.import(tree, { name: 'second', version: '1' }));
    disk.free();
    assert.equal(
      (await nanolin.layer.list()).map(({ name }) => name),
      ['first'],
    );
    await nanolin.layer.import(tree, { name: 'second', version: '1' });
  } finally {
    disk.unmount();
  }
});

/** An error at any boundary, seen from inside: after it the old stack or the new one stands, and the next command works. */
test('ENOSPC thrown at each boundary of a switch', async () => {
  await using world = await makeWorld();
  const target = world.directory('usr', { base: 'base' });
  for (const name of ['old', 'new']) {
    await world.layer(name, { who: name });
    world.profile(name, `TARGETS ${target} from=/`, `ENABLES ${name}`);
  }
  const points: string[] = [];
  let failAt = 0;
  const nanolin = await world.open({
    at: point => {
      points.push(point);
      if (points.length === failAt) throw Object.assign(new Error(`ENOSPC at ${point}`), { code: 'ENOSPC' });
    },
  });
  await nanolin.profile.switch('old');
  points.length = 0;
  await nanolin.profile.switch('new');
  const boundaries = points.length;
  for (let nth = 1; nth <= boundaries; nth++) {
    failAt = 0;
    await nanolin.profile.switch('old');
    points.length = 0;
    failAt = nth;
    const error = await nanolin.profile.switch('new').catch(thrown => thrown as Error);
    const point = points[nth - 1];
    assert.match(String((error as Error).message), /ENOSPC/, point);
    failAt = 0;
    const { profile, recovery } = await nanolin.status();
    assert.equal([read(`${target}/who`), recovery], [profile ?? '', []], point);
    assert.is(mountsBelow(target).length, 1, point);
  }
});

test.run();
