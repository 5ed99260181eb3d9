import { execFileSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cli } from './fake.ts';

const completed = async (line: string): Promise<string[]> =>
  (await cli(['--complete', ...line.split(' ')])).out.split('\n').filter(Boolean);

test('verbs, then the verbs of a noun', async () => {
  const verbs = await completed('');
  assert.ok(verbs.includes('enable') && verbs.includes('layer'));
  assert.is(verbs.filter(verb => verb === 'layer').length, 1);
  assert.equal(await completed('layer '), ['import', 'list', 'show', 'files', 'verify', 'remove']);
  assert.equal(await completed('--root /x plan '), ['enable', 'disable', 'swap', 'profile']);
});

test('layer, profile and generation names from the machine', async () => {
  assert.equal(await completed('enable '), ['jq', 'jq=1.6']);
  assert.equal(await completed('enable a --above '), ['jq', 'jq=1.6']);
  assert.equal(await completed('swap jq '), ['jq', 'jq=1.6']);
  assert.equal(await completed('profile switch '), ['web']);
  assert.equal(await completed('rollback '), ['4']);
});

test('flags of the command, without those that are there; choices of a value', async () => {
  const flags = await completed('enable a --strict --');
  assert.ok(flags.includes('--above') && flags.includes('--root'));
  assert.not.ok(flags.includes('--strict'));
  assert.equal(await completed('enable a --writers '), ['report', 'wait', 'refuse']);
  assert.equal(await completed('completion '), ['bash', 'zsh', 'fish']);
});

test('nothing, for files, where a path is wanted', async () => {
  assert.equal(await completed('layer import '), []);
  assert.equal(await completed('--root '), []);
});

test('--root of the line is where names are looked up', async () => {
  assert.is((await cli(['--complete', '--root', '/r', 'enable', ''])).opened?.root, '/r');
});

test('the bash script fills COMPREPLY from the answers', async () => {
  const script = (await cli('completion bash')).out;
  const probe = `nanolin() { printf '%s\\n' "$#" jq jq=1.6 other; }
    ${script}
    COMP_WORDS=(nanolin enable j); COMP_CWORD=2; _nanolin; printf '%s\\n' "\${COMPREPLY[@]}"`;
  assert.is(execFileSync('bash', ['-c', probe], { encoding: 'utf8' }), 'jq\njq=1.6\n');
});

test('each shell has a script that asks the program', async () => {
  for (const shell of ['bash', 'zsh', 'fish']) {
    const { code, out } = await cli(`completion ${shell}`);
    assert.is(code, 0);
    assert.match(out, 'nanolin --complete');
  }
  assert.is((await cli('completion csh')).code, 2);
});

test.run();
