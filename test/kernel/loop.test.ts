import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  MNT_DETACH,
  MS_SHARED,
  native,
  parseMountinfo,
  readMountinfo,
} from '../../src/kernel/index.ts';
import { detached, moveOnto, Place, thrownBy } from './place.ts';

const test = suite('the tight loop');

/** Two targets with an old mount on each, and new ones ready. */
function scene(place: Place) {
  return ['a', 'b'].map(name => {
    const target = place.directory(name);
    const old = detached('f', 'old');
    moveOnto(old, target);
    const expect = native.statxMount(old, '', AT_EMPTY_PATH);
    native.close(old);
    return { target, expect, fd: detached('f', 'new') };
  });
}

const read = (target: string) => readFileSync(`${target}/f`, 'utf8');

test('puts all beneath, then detaches all, and gives a time for each', () => {
  using place = new Place();
  const targets = scene(place);
  const times = native.runLoop([
    ...targets.map(({ fd, target }) => ({ do: 'beneath', fd, target }) as const),
    ...targets.map(({ target, expect }) => ({ do: 'detach', target, expect }) as const),
  ]);
  assert.is(times.length, 5);
  assert.ok(times.every((time, index) => index === 0 || time >= (times[index - 1] ?? 0n)));
  for (const { target, fd } of targets) {
    assert.is(read(target), 'new');
    assert.is(readMountinfo().filter(mount => mount.mountPoint === target).length, 1);
    native.close(fd);
    native.umount2(target, MNT_DETACH);
  }
});

test('beneath is invisible until the detach', () => {
  using place = new Place();
  const [first] = scene(place);
  if (!first) throw new Error('no target');
  native.runLoop([{ do: 'beneath', fd: first.fd, target: first.target }]);
  assert.is(read(first.target), 'old');
  native.runLoop([{ do: 'detach', target: first.target, expect: first.expect }]);
  assert.is(read(first.target), 'new');
});

test('onto covers what is there', () => {
  using place = new Place();
  const target = place.directory('t');
  const fd = detached('f', 'new');
  native.runLoop([{ do: 'onto', fd, target }]);
  native.close(fd);
  assert.is(read(target), 'new');
});

for (const ids of ['unique', 'reusable'] as const)
  test(`a mount that is not the expected one stays, by ${ids} id, and the step is named`, () => {
    using place = new Place();
    const [first, second] = scene(place);
    if (!first || !second) throw new Error('no targets');
    const expect = ids === 'unique' ? second.expect : { ...second.expect, unique: null };
    const own = ids === 'unique' ? first.expect : { ...first.expect, unique: null };
    const error = thrownBy(() =>
      native.runLoop([
        { do: 'detach', target: first.target, expect: own },
        { do: 'detach', target: first.target, expect },
        { do: 'detach', target: second.target, expect },
      ]),
    );
    assert.equal([error.code, error.index, error.path], ['ESTALE', 1, first.target]);
    assert.is(read(second.target), 'old');
  });

test('a directory inside the expected mount is not its mount point', () => {
  using place = new Place();
  const inside = place.directory('d');
  const expect = native.statxMount(AT_FDCWD, place.top, 0);
  assert.is(thrownBy(() => native.runLoop([{ do: 'detach', target: inside, expect }])).code, 'ESTALE');
});

test('all values are decoded before anything is done', () => {
  using place = new Place();
  const [first] = scene(place);
  if (!first) throw new Error('no target');
  const steps = [
    { do: 'detach', target: first.target, expect: first.expect },
    { do: 'onto', target: '/' },
  ];
  assert.instance(
    thrownBy(() => native.runLoop(steps as never)),
    TypeError,
  );
  assert.is(read(first.target), 'old');
});

test('on a shared parent the switch reaches a namespace that is its slave', async () => {
  using place = new Place();
  native.mount(null, place.top, null, MS_SHARED, null);
  const targets = scene(place);
  const slave = spawn('unshare', ['-m', '--propagation', 'slave', 'sh', '-c', 'echo ready; exec sleep 60'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    await new Promise(ready => slave.stdout.once('data', ready));
    const seen = () =>
      targets.map(({ target }) => readFileSync(`/proc/${slave.pid}/root${target}/f`, 'utf8'));
    assert.equal(seen(), ['old', 'old']);
    native.runLoop([
      ...targets.map(({ fd, target }) => ({ do: 'beneath', fd, target }) as const),
      ...targets.map(({ target, expect }) => ({ do: 'detach', target, expect }) as const),
    ]);
    assert.equal(seen(), ['new', 'new']);
    assert.equal(
      targets.map(({ target }) => read(target)),
      ['new', 'new'],
    );
    const there = parseMountinfo(readFileSync(`/proc/${slave.pid}/mountinfo`, 'latin1'));
    for (const { target } of targets) assert.is(there.filter(mount => mount.mountPoint === target).length, 1);
  } finally {
    slave.kill('SIGKILL');
    await sleep(0);
  }
  for (const { fd } of targets) native.close(fd);
});

test.run();
