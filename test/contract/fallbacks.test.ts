// limit: 300s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import type { Forced } from '../../src/state/index.ts';
import { stackContract } from './stack-contract.ts';
import { makeWorld } from './world.ts';

const test = suite('kernel overlay, with the newer ways shut');
stackContract(test, 'loop devices', { forced: ['no-file-backed'] });
stackContract(test, 'attached layers', { forced: ['no-detached-layers'] });
stackContract(test, 'mount string', { forced: ['no-lowerdir-plus', 'no-unique-ids'] });
stackContract(test, 'no beneath', { forced: ['no-beneath'] }, { gaps: true });

const taken: readonly (readonly [Forced | null, Readonly<Record<string, string>>])[] = [
  [null, { attach: 'file-backed', layers: 'detached', lowerdir: 'descriptor', place: 'beneath' }],
  ['no-file-backed', { attach: 'loop', layers: 'detached', lowerdir: 'descriptor', place: 'beneath' }],
  ['no-detached-layers', { attach: 'file-backed', layers: 'scratch', lowerdir: 'path', place: 'beneath' }],
  [
    'no-lowerdir-plus',
    { attach: 'file-backed', layers: 'scratch', lowerdir: 'mount string', place: 'beneath' },
  ],
  [
    'no-beneath',
    { attach: 'file-backed', layers: 'detached', lowerdir: 'descriptor', place: 'detach, then mount' },
  ],
];
for (const [way, ways] of taken)
  test(`the result says which ways were taken: ${way ?? 'all open'}`, async () => {
    await using world = await makeWorld(way === null ? {} : { forced: [way] });
    const target = world.directory('usr', { base: 'base' });
    for (const layer of ['one', 'two']) await world.layer(layer, { [layer]: layer });
    world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one');
    const nanolin = await world.open();
    await nanolin.profile.switch('p');
    const result = await nanolin.enable(['two']);
    assert.equal([result.ways, result.gap], [ways, way === 'no-beneath']);
  });

test.run();
