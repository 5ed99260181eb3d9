import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { cli } from './fake.ts';

const asked: readonly (readonly [line: string, call: readonly unknown[]])[] = [
  ['status', ['status']],
  [
    'enable a b --above c --strict --reason why',
    ['enable', ['a', 'b'], { above: 'c', strict: true, reason: 'why' }],
  ],
  ['enable a --below c --writers wait', ['enable', ['a'], { below: 'c', writers: 'wait' }]],
  ['disable a', ['disable', ['a'], {}]],
  ['swap a b', ['swap', 'a', 'b', {}]],
  ['plan enable a --above b', ['plan', { do: 'enable', layers: ['a'], above: 'b' }]],
  ['plan disable a', ['plan', { do: 'disable', layers: ['a'] }]],
  ['plan swap a b', ['plan', { do: 'swap', old: 'a', replacement: 'b' }]],
  ['plan profile web', ['plan', { do: 'profile', name: 'web' }]],
  ['history', ['history']],
  ['rollback', ['rollback', undefined, {}]],
  ['rollback 3 --reason x', ['rollback', 3, { reason: 'x' }]],
  ['rollback 0', ['rollback', 0, {}]],
  [
    'layer import deb:jq --version 1.6 --format squashfs',
    ['layer.import', 'deb:jq', { version: '1.6', format: 'squashfs' }],
  ],
  ['layer import x.img --name x --unsigned', ['layer.import', 'x.img', { name: 'x', unsigned: true }]],
  ['owner /usr/bin/jq rel', ['owner', ['/usr/bin/jq', 'rel'], {}]],
  ['owner -r /usr/bin', ['owner', ['/usr/bin'], { recursive: true }]],
  ['owner --all /usr/bin/jq', ['owner', ['/usr/bin/jq'], { all: true }]],
  ['conflicts', ['conflicts', undefined]],
  ['conflicts --profile web', ['conflicts', 'web']],
  ['verify', ['verify', [], {}]],
  ['verify a b --deep', ['verify', ['a', 'b'], { deep: true }]],
  ['layer list', ['layer.list']],
  ['layer show jq', ['layer.show', 'jq']],
  ['layer files jq', ['layer.files', 'jq']],
  ['layer verify', ['layer.verify', []]],
  ['layer verify a b', ['layer.verify', ['a', 'b']]],
  ['profile list', ['profile.list']],
  ['profile show web', ['profile.show', 'web']],
  [
    'profile new web --targets /usr,/opt --enables a',
    ['profile.create', 'web', { targets: ['/usr', '/opt'], enables: ['a'] }],
  ],
  ['profile check web', ['profile.check', 'web']],
  ['profile diff a b', ['profile.diff', 'a', 'b']],
  ['profile switch web --strict', ['profile.switch', 'web', { strict: true }]],
  ['profile switch --restore', ['profile.restore', {}]],
  ['doctor', ['doctor']],
];

for (const [line, call] of asked)
  test(`\`nanolin ${line}\` asks the library, then closes it`, async () => {
    const { code, calls, err } = await cli(line);
    assert.equal(calls, [call, ['close']]);
    assert.is(code, 0);
    assert.is(err, '');
  });

test('globals reach the library; the environment stands in for those not given', async () => {
  const env = {
    NANOLIN_ROOT: '/env',
    NANOLIN_PROFILES: '/p',
    NANOLIN_BACKEND: 'fuse',
    NANOLIN_FORCE: 'no-beneath,no-file-backed',
  };
  const { opened } = await cli('status --root /flag', { env });
  const { signal, ...rest } = opened ?? {};
  assert.instance(signal, AbortSignal);
  assert.equal(rest, {
    root: '/flag',
    profiles: '/p',
    backend: 'fuse',
    forced: ['no-beneath', 'no-file-backed'],
  });
});

test('NANOLIN_FAULT becomes a throw at its point', async () => {
  const { opened } = await cli('status', { env: { NANOLIN_FAULT: 'switch:intent:ENOSPC' } });
  opened?.at?.('switch:commit');
  assert.throws(() => opened?.at?.('switch:intent'), 'ENOSPC');
});

test('layer remove asks on a terminal, and takes no for an answer', async () => {
  const questions: string[] = [];
  const answering = (answer: string) => async (question: string) => {
    questions.push(question);
    return answer;
  };
  const refused = await cli('layer remove jq', { ask: answering('') });
  assert.equal(
    refused.calls.map(([name]) => name),
    ['layer.show', 'close'],
  );
  assert.is(refused.code, 1);
  const agreed = await cli('layer remove jq', { ask: answering('y') });
  assert.equal(agreed.calls.at(1), ['layer.remove', 'jq']);
  assert.is(questions.length, 2);
  assert.match(questions[0] ?? '', 'remove jq-v1.6-r26.11-G22095100.img (123.5 kB)?');
  await cli('layer remove jq --yes', { ask: answering('') });
  await cli('layer remove jq --json', { ask: answering('') });
  assert.is(questions.length, 2);
});

test.run();
