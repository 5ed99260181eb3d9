import { readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { native, openBase, readMountinfo } from '../../src/kernel/index.ts';
import { contents, descriptors, detached, moveOnto, Place, thrownBy } from './place.ts';

const test = suite('the bare base');

for (const covers of [0, 1, 2])
  test(`is reached under ${covers} mounts, without what is mounted inside it`, () => {
    using place = new Place();
    const target = place.tree('t', { base: 'base', 'inside/': '' });
    native.mount('inside', `${target}/inside`, 'tmpfs', 0, null);
    for (let i = 0; i < covers; i++) {
      const cover = detached('cover', String(i));
      moveOnto(cover, target);
      native.close(cover);
    }
    const [mounts, before] = [readMountinfo(), descriptors().length];
    const fd = openBase(target, covers);
    assert.equal(contents(`/proc/self/fd/${fd}`), { base: 'base', 'inside/': '' });
    assert.equal(readMountinfo(), mounts);
    native.close(fd);
    assert.is(descriptors().length, before);
    if (covers > 0) assert.is(readFileSync(`${target}/cover`, 'utf8'), String(covers - 1));
  });

test('more covers than there are is an error, not the base of something else', () => {
  using place = new Place();
  assert.is(thrownBy(() => openBase(place.directory('t'), 1)).code, 'mount-failed');
});

test.run();
