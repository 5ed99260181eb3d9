import { readdirSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  assembleOverlay,
  native,
  openBase,
  openEmpty,
  readMountinfo,
  ScratchLayers,
} from '../../src/kernel/index.ts';
import { attached, descriptors, loopFiles, Place, shut, thrownBy } from './place.ts';

const test = suite('leaks');

test('a thousand assemblies, every third refused, leave no descriptor, mount, loop device or thread', () => {
  using place = new Place();
  const images = ['one', 'two', 'three'].map(name => place.image(name, { [name]: name }));
  const target = place.directory('t');
  const threads = () => readdirSync('/proc/self/task').length;
  const all = ['', 'no-detached-layers', 'no-lowerdir-plus'];
  const counts = () => [descriptors().length, readMountinfo().length];
  const round = (index: number) => {
    const lowers = [...images.map(image => attached(image)), openBase(target, 0), openEmpty()];
    const forced = shut(all[index % all.length] ?? '');
    using scratchLayers = new ScratchLayers();
    const request = { lowers, source: 'leak', nosuid: true, forced, scratchLayers };
    if (index % 3 === 2) thrownBy(() => assembleOverlay({ ...request, options: ['nosuch=1'] }));
    else native.close(assembleOverlay(request).fd);
    for (const lower of lowers) native.close(lower);
  };
  for (let index = 0; index < 6; index++) round(index);
  const before = counts();
  const threadsBefore = threads();
  for (let index = 0; index < 1000; index++) round(index + Math.floor(index / 3));
  assert.equal(counts(), before);
  assert.ok(threads() <= threadsBefore);
  assert.equal(
    loopFiles().filter(file => file.includes(place.top)),
    [],
  );
});

test.run();
