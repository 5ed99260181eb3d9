import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/index.ts';
import { makeWorld, read } from '../contract/world.ts';

test('a second writer is told who the first is, and goes on when that one is killed', async () => {
  await using world = await makeWorld();
  const target = world.directory('usr', { base: 'base' });
  for (const layer of ['one', 'two']) await world.layer(layer, { [layer]: layer });
  world.profile('p', `TARGETS ${target} from=/`, 'ENABLES one');
  const nanolin = await world.open();
  await nanolin.profile.switch('p');

  const holder = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'holder-program.ts'), world.root],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(holder.stdout, 'data');
  const error = await nanolin.enable(['two']).then(
    () => null,
    thrown => thrown,
  );
  assert.instance(error, NanolinError);
  assert.equal([error.code, error.exit], ['busy', 5]);
  assert.match(error.message, new RegExp(`pid ${holder.pid}, enable two, since \\d{4}-`));
  // Who only reads is not held up.
  assert.is((await nanolin.status()).profile, 'p');

  holder.kill('SIGKILL');
  await once(holder, 'exit');
  await nanolin.enable(['two']);
  assert.is(read(`${target}/two`), 'two');
});

test.run();
