import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { runScript, type ScriptResult } from '../../src/profile/scripts.ts';
import type { Context } from '../../src/state/context.ts';
import { pathsBelow } from '../../src/state/paths.ts';

const test = suite('scripts');
const scratch = mkdtempSync(join(tmpdir(), 'nanolin-scripts-'));
const abort = new AbortController();
const logged: object[] = [];

function context(signal: AbortSignal = new AbortController().signal): Context {
  return {
    paths: pathsBelow(join(scratch, 'root')),
    log: { debug() {}, info: fields => logged.push(fields), warn() {} },
    now: () => new Date(0),
    signal,
    progress() {},
    forced: new Set(),
    at() {},
  };
}

function run(body: string, timeoutMs = 20_000, ctx = context()): Promise<ScriptResult> {
  return runScript(ctx, { body, event: 'healthy', profile: 'web', generation: 7, timeoutMs });
}

const pidIn = async (file: string): Promise<number> => {
  for (let turn = 0; turn < 400; turn += 1) {
    const text = existsSync(file) ? readFileSync(file, 'utf8').trim() : '';
    if (/^\d+$/.test(text)) return Number(text);
    await sleep(25);
  }
  throw new Error(`${file} was never written`);
};

/** A zombie counts as gone: nobody in a container may reap it. */
const runs = (pid: number): boolean => {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
};
const goes = async (pid: number): Promise<boolean> => {
  for (let turn = 0; turn < 400 && runs(pid); turn += 1) await sleep(25);
  return !runs(pid);
};

test.after(() => rmSync(scratch, { recursive: true, force: true }));

test('a body that ends well is ok, with both streams as its output', async () => {
  const result = await run('echo out\necho err >&2\n');
  assert.is(result.ok, true);
  assert.is(result.code, 0);
  assert.is(result.output.split('\n').sort().join(), 'err,out');
});

test('the environment is clean, the directory is the root, stdin is empty', async () => {
  process.env.NANOLIN_SECRET = 'leaks';
  const result = await run('pwd; cat; env | sort\n').finally(() => delete process.env.NANOLIN_SECRET);
  assert.is(
    result.output,
    [
      '/',
      'LANG=C.UTF-8',
      'NANOLIN_EVENT=healthy',
      'NANOLIN_GENERATION=7',
      'NANOLIN_PROFILE=web',
      'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
      'PWD=/',
    ].join('\n'),
  );
});

test('the body is not in argv and leaves no file', async () => {
  const result = await run("tr '\\0' ' ' </proc/$$/cmdline # hushhush\n");
  assert.match(result.output, /^\/bin\/sh -eu/);
  assert.not.match(result.output, /hushhush/);
  assert.equal(readdirSync(context().paths.tmp), []);
});

test('the first failing command ends it, an unset variable too', async () => {
  const failed = await run('echo before\nfalse\necho after\n');
  assert.equal([failed.ok, failed.code, failed.output], [false, 1, 'before']);
  const unset = await run('echo $nothere\n');
  assert.is(unset.ok, false);
  assert.match(unset.output, /nothere/);
});

test('a signal that ended it is named', async () => {
  const result = await run('kill -USR1 $$\n');
  assert.equal([result.ok, result.code, result.signal], [false, null, 'SIGUSR1']);
});

test('a big body, larger than a pipe and than argv may be, runs to its end', async () => {
  const result = await run(`${`: ${'x'.repeat(1000)}\n`.repeat(400)}echo end\n`);
  assert.is(result.output, 'end');
});

test('of a huge output the last 16 KiB are kept, and the log is not flooded', async () => {
  logged.length = 0;
  const result = await run('yes 0123456789 | head -c 50000000; echo; echo last\n');
  assert.is(result.ok, true);
  assert.ok(result.output.length <= 16 * 1024 + 4);
  assert.match(result.output, /0123456789\n\d*\nlast$/);
  assert.ok(logged.length > 100 && logged.length < 600);
});

test('control characters do not reach a terminal', async () => {
  const result = await run("printf 'a\\033[31mb\\n'\n");
  assert.is(result.output, 'a\ufffd[31mb');
});

test('a time-out ends the whole group, also what ignores SIGTERM', async () => {
  const file = join(scratch, 'stubborn');
  const result = await run(
    `sh -c 'trap "" TERM; echo $$ >${file}; while :; do sleep 1; done' &\nwait\n`,
    700,
  );
  assert.equal([result.ok, result.timedOut, result.cancelled], [false, true, false]);
  assert.ok(await goes(await pidIn(file)), 'the child lives on');
});

test('a shell that ignores SIGTERM is killed', async () => {
  const result = await run("trap '' TERM\nwhile :; do sleep 0.2; done\n", 200);
  assert.equal([result.timedOut, result.signal], [true, 'SIGKILL']);
});

test('an abort ends it and says so', async () => {
  const file = join(scratch, 'aborted');
  const running = run(`echo $$ >${file}\nsleep 60\n`, 60_000, context(abort.signal));
  const pid = await pidIn(file);
  abort.abort();
  const result = await running;
  assert.equal([result.ok, result.timedOut, result.cancelled], [false, false, true]);
  assert.ok(await goes(pid));
  assert.is((await run('echo no\n', 1000, context(abort.signal))).cancelled, true);
});

test('a daemon that holds the pipes open does not hold us, and lives on after a success', async () => {
  const file = join(scratch, 'daemon');
  const result = await run(
    `setsid sh -c 'echo $$ >${file}; exec sleep 50' &\nwhile [ ! -s ${file} ]; do sleep 0.05; done\necho up\n`,
  );
  assert.equal([result.ok, result.output], [true, 'up']);
  const pid = await pidIn(file);
  assert.ok(runs(pid));
  process.kill(pid, 'SIGKILL');
});

test('a time-out with a daemon outside the group that holds the pipes does not hang', async () => {
  const file = join(scratch, 'escaped');
  const result = await run(`setsid sh -c 'echo $$ >${file}; exec sleep 50' &\nsleep 40\n`, 700);
  assert.is(result.timedOut, true);
  process.kill(await pidIn(file), 'SIGKILL');
});

test.run();
