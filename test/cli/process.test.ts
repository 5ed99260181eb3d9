import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

interface Running {
  readonly child: ChildProcess;
  readonly said: (text: string) => Promise<void>;
  readonly ended: Promise<{ code: number | null; err: string }>;
}

function start(program: string, words: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const loader = program.endsWith('.ts') ? ['--import', 'tsx'] : [];
  const child = spawn(process.execPath, [...loader, program, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  let err = '';
  child.stderr.on('data', chunk => {
    err += chunk;
  });
  return {
    child,
    async said(text) {
      while (!err.includes(text)) await once(child.stderr, 'data');
    },
    ended: once(child, 'close').then(([code]) => ({ code, err })),
  };
}

for (const [signal, code] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  test(`${signal} aborts, lets the command clean up, and exits ${code}`, async () => {
    const { child, said, ended } = start('test/cli/slow-program.ts', ['status']);
    await said('ready');
    child.kill(signal);
    const { code: got, err } = await ended;
    assert.is(got, code);
    assert.match(err, 'cleaning up\nnanolin: status was cancelled\n');
  });

test('a second ^C ends at once what does not listen', async () => {
  const { child, said, ended } = start('test/cli/slow-program.ts', ['status'], { NANOLIN_TEST_DEAF: '1' });
  await said('ready');
  child.kill('SIGINT');
  await said('cleaning up');
  child.kill('SIGINT');
  assert.is((await ended).code, 130);
});

test('a reader that goes away is no error', async () => {
  const { child, ended } = start('test/cli/slow-program.ts', ['--help']);
  child.stdout?.destroy();
  assert.equal(await ended, { code: 0, err: '' });
});

test('NANOLIN_FAULT kills the process at its point', async () => {
  const { child, ended } = start('test/cli/faulty-program.ts', ['status'], {
    NANOLIN_FAULT: 'switch:intent',
  });
  assert.is((await ended).code, null);
  assert.is(child.signalCode, 'SIGKILL');
});

test.run();
