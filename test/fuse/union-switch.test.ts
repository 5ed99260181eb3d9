// limit: 300s
import {
  closeSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { program } from '../contract/stack-contract.ts';
import { makeWorld } from '../contract/world.ts';
import { needs } from '../needs.ts';
import { noUnion } from './union.ts';

const test = suite('union: numbers over a switch');

const files = (name: string, count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, at) => [`${name}/${at}`, `${name} ${at}`]));

needs(test, noUnion)(
  '48 a number that is used again is another object, also once it is changed',
  async () => {
    await using world = await makeWorld({ backend: 'fuse', program });
    const target = world.directory('t', {});
    await world.layer('late', files('late', 40));
    await world.layer('one', files('version', 60));
    await world.layer('two', { 'version/only': 'two' });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES late one', 'WRITING persist');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    for (const name of readdirSync(`${target}/version`)) statSync(`${target}/version/${name}`);
    await nanolin.swap('one', 'two');
    writeFileSync('/proc/sys/vm/drop_caches', '2');
    assert.equal(readdirSync(`${target}/version`), ['only']);
    // Known from here on, by numbers that the others had.
    for (let at = 0; at < 40; at++) {
      const path = `${target}/late/${at}`;
      const fd = openSync(path, 'r');
      linkSync(path, `${path}-link`);
      assert.is(readFileSync(path, 'utf8'), `late ${at}`);
      assert.is(readFileSync(fd, 'utf8'), `late ${at}`);
      closeSync(fd);
      renameSync(`${path}-link`, `${path}-moved`);
      assert.is(readFileSync(`${path}-moved`, 'utf8'), `late ${at}`);
    }
    await nanolin.rollback(0);
  },
);

test.run();
