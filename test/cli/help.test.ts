import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { commands } from '../../src/cli/commands.ts';
import { globals } from '../../src/cli/globals.ts';
import { cli } from './fake.ts';

test('help lists every command', async () => {
  const { code, out } = await cli('--help');
  assert.is(code, 0);
  for (const { verb } of commands) assert.match(out, `nanolin ${verb.filter(Boolean).join(' ')} `);
});

test('the help of a noun lists its commands only', async () => {
  const { code, out } = await cli('profile --help');
  assert.is(code, 0);
  assert.match(out, 'nanolin profile switch');
  assert.not.match(out, 'layer import');
});

for (const { verb, flags, words, example } of commands)
  test(`\`nanolin ${verb.join(' ')} --help\` names every word and flag and has an example`, async () => {
    const { code, out, opened } = await cli([...verb.filter(part => part !== undefined), '--help']);
    assert.is(code, 0);
    assert.is(opened, undefined);
    for (const name of [...Object.keys(flags), ...Object.keys(globals)]) assert.match(out, `--${name} `);
    for (const { name } of words) assert.match(out, name);
    assert.match(out, example);
    assert.ok(out.split('\n').every(line => line.length <= 80));
  });

test('examples are lines that can be run', async () => {
  for (const { verb, example } of commands) {
    // It would mount: no library is between it and the kernel.
    if (verb[0] === 'union') continue;
    const line = (example.replace(/ [|>].*$/, '').match(/"[^"]*"|\S+/g) ?? [])
      .slice(1)
      .map(word => word.replaceAll('"', ''));
    assert.is((await cli(line)).code, 0, example);
  }
});

test('--version', async () => {
  assert.match((await cli('--version')).out, /^nanolin \d+\.\d+\.\d+\n$/);
});

test.run();
