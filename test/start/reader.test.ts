import { execFileSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Reader } from '../../src/start/reader.ts';

const test = suite('reader');
const program = fileURLToPath(new URL('../../src/start/main.ts', import.meta.url));

test('it reads all the while, and nothing fails where nothing changes', async () => {
  using reader = await Reader.begin(program);
  await sleep(300);
  const { files, lookups, failed, errors } = await reader.end();
  assert.is(files, 300);
  assert.ok(lookups > files);
  assert.equal([failed, errors], [0, []]);
});

test('it is not blind: a gap is seen, with its errno', async () => {
  using reader = await Reader.begin(program);
  execFileSync('mount', ['-t', 'tmpfs', 'gap', '/usr/share']);
  try {
    await sleep(300);
  } finally {
    execFileSync('umount', ['/usr/share']);
  }
  const { failed, errors } = await reader.end();
  assert.ok(failed > 0);
  assert.match(errors[0] ?? '', /^\/usr\/share\/.*ENOENT/);
});

test.run();
