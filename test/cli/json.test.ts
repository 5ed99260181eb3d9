import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/error/index.ts';
import { cli, layer, status, switchResult } from './fake.ts';

test('status is one document with the promised keys', async () => {
  const { out } = await cli('status --json');
  assert.equal(JSON.parse(out), status);
  const keys = ['profile', 'generation', 'health', 'backend', 'targets', 'leftOut', 'holders'];
  assert.equal(Object.keys(JSON.parse(out)).slice(0, keys.length), keys);
});

for (const line of [
  'enable a',
  'disable a',
  'swap a b',
  'rollback',
  'profile switch web',
  'profile switch --restore',
])
  test(`${line} --json is the result of the switch`, async () => {
    const { out } = await cli(`${line} --json`);
    assert.equal(JSON.parse(out), switchResult);
  });

test('plan has steps, paths and processes', async () => {
  const plan = JSON.parse((await cli('plan enable a --json')).out);
  assert.equal(plan.steps[0], { do: 'attach', layer: 'jq' });
  assert.equal(Object.keys(plan.paths), ['appear', 'vanish', 'change', 'masked', 'owner', 'masks']);
  assert.equal(plan.processes, []);
});

test('lists are arrays, also when they are empty', async () => {
  assert.equal(JSON.parse((await cli('layer list --json')).out), [layer]);
  assert.equal(JSON.parse((await cli('history --json', { nanolin: { history: async () => [] } })).out), []);
});

test('NANOLIN_JSON=1 mirrors the flag', async () => {
  assert.equal(JSON.parse((await cli('status', { env: { NANOLIN_JSON: '1' } })).out), status);
  assert.not.match((await cli('status', { env: { NANOLIN_JSON: '0' } })).out, '{');
});

test('an error is a document on standard output, also a usage error', async () => {
  const failing = async () => {
    throw new NanolinError('busy', 'the lock is held by pid 7', 'wait for it');
  };
  const { code, out, err } = await cli('enable a --json', { nanolin: { enable: failing } });
  assert.equal(JSON.parse(out), {
    error: { code: 'busy', message: 'the lock is held by pid 7', hint: 'wait for it' },
  });
  assert.is(err, '');
  assert.is(code, 5);
  const usage = await cli('enable --json');
  assert.is(JSON.parse(usage.out).error.code, 'usage');
  assert.is(usage.code, 2);
});

test('control characters stay JSON escapes', async () => {
  const { out } = await cli('layer show jq --json', {
    terminal: true,
    nanolin: { layer: { show: async () => ({ ...layer, origin: '\x1b[2J' }) } as never },
  });
  assert.match(out, '\\u001b[2J');
  assert.is(JSON.parse(out).origin, '\x1b[2J');
});

test.run();
