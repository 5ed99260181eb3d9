/**
 * The runner behind `npm test`: every test file in a process, a mount namespace and a temporary directory of its own. It
 * believes no file that ran no test, and no file that leaves a mount, a loop device, a process or a temporary file behind.
 *
 *     npm test                       all of test/, but the benchmarks
 *     npm test -- test/x/y.test.ts   only those
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type Counts, countsIn, limitIn, skipsIn } from './counts.ts';

interface Outcome {
  readonly counts: Counts;
  readonly complaints: readonly string[];
  readonly output: string;
  readonly seconds: number;
}

const top = resolve(fileURLToPath(import.meta.url), '../..');
const atOnce = 2;
const scratch = mkdtempSync(join(tmpdir(), 'nanolin-run-'));
const running = new Set<number>();

const files = process.argv.length > 2 ? process.argv.slice(2).map(file => resolve(file)) : testFiles();
const mountsBefore = mounts();
const sum = { passed: 0, failed: 0, skipped: 0 };
const queue = files.map((file, index) => ({ file, directory: join(scratch, String(index)) }));
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(up(signal)));

await Promise.all(Array.from({ length: atOnce }, work));

const left = mounts().filter(line => !mountsBefore.includes(line));
for (const line of left) console.log(`FAIL left a mount in the caller's namespace: ${line}`);
if (left.length > 0) sum.failed++;
if (files.length === 0) console.log('FAIL there is no test file');
rmSync(scratch, { recursive: true, force: true });
console.log(`${sum.passed} passed, ${sum.failed} failed${sum.skipped > 0 ? `, ${sum.skipped} skipped` : ''}`);
process.exit(sum.failed > 0 || sum.passed === 0 ? 1 : 0);

function testFiles(): string[] {
  return readdirSync(join(top, 'test'), { recursive: true, encoding: 'utf8' })
    .filter(name => name.endsWith('.test.ts') && !name.startsWith('bench/'))
    .sort()
    .map(name => join(top, 'test', name));
}

async function work(): Promise<void> {
  for (let next = queue.shift(); next; next = queue.shift())
    tell(next.file, await runFile(next.file, next.directory));
}

async function runFile(file: string, directory: string): Promise<Outcome> {
  mkdirSync(directory);
  const began = performance.now();
  const limit = limitIn(file) * 1000;
  const { code, output, late, pid } = await execute(file, directory, limit);
  const complaints = [
    ...(late ? [`still running after ${limit / 1000} s`] : []),
    ...(await leaks(directory, pid)),
    ...(code === 0 || late ? [] : [`exit code ${code}`]),
  ];
  const counts = countsIn(output);
  if (counts.passed + counts.failed + counts.skipped === 0)
    complaints.push('ran no test: is test.run() missing?');
  const failed = Math.max(counts.failed, complaints.length > 0 ? 1 : 0);
  return { counts: { ...counts, failed }, complaints, output, seconds: (performance.now() - began) / 1000 };
}

function execute(
  file: string,
  directory: string,
  limit: number,
): Promise<{ code: number | string; output: string; late: boolean; pid: number }> {
  const node = [process.execPath, '--import', 'tsx', file];
  const [command = '', ...args] =
    process.getuid?.() === 0 ? ['unshare', '-m', '--propagation', 'private', ...node] : node;
  return new Promise((done, fail) => {
    const child = spawn(command, args, {
      cwd: top,
      // A process group of its own, so that what the file started can be found and ended with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, NANOLIN_TEST: '1', TMPDIR: directory, NO_COLOR: '1' },
    });
    const pid = child.pid ?? 0;
    const chunks: Buffer[] = [];
    let late = false;
    running.add(pid);
    const timer = setTimeout(() => {
      late = true;
      endGroup(pid);
    }, limit);
    for (const stream of [child.stdout, child.stderr])
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      // A process that outlives the file holds the pipes: do not wait for their end.
      setTimeout(() => {
        running.delete(pid);
        done({ code: code ?? signal ?? 1, output: Buffer.concat(chunks).toString(), late, pid });
      }, 20);
    });
  });
}

/** What the file left behind. The kernel takes a namespace down in the background, so what is there is looked at again. */
async function leaks(directory: string, group: number): Promise<string[]> {
  let found = leaksNow(directory, group);
  for (let again = 0; found.length > 0 && again < 20; again++) {
    await sleep(100);
    found = leaksNow(directory, group);
  }
  endGroup(group);
  return found;
}

function leaksNow(directory: string, group: number): string[] {
  return [
    ...(groupLives(group) ? ['left a process running'] : []),
    ...readdirSync(directory)
      .filter(ours)
      .map(name => `left ${name} in the temporary directory`),
    ...loops()
      .filter(line => line.includes(`${directory}/`))
      .map(line => `left a loop device: ${line}`),
  ];
}

/** tsx keeps its cache and its pipe in the temporary directory. */
function ours(name: string): boolean {
  return !name.startsWith('tsx-') && !name.startsWith('node-compile-cache');
}

function loops(): string[] {
  return listing('losetup', ['-a', '--list', '--noheadings', '-O', 'NAME,BACK-FILE']);
}

function listing(command: string, args: readonly string[]): string[] {
  return execFileSync(command, args, { encoding: 'utf8' }).split('\n').filter(Boolean);
}

function mounts(): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8').split('\n').filter(Boolean);
}

function groupLives(group: number): boolean {
  try {
    return process.kill(-group, 0);
  } catch {
    return false;
  }
}

function endGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // It has ended by itself.
  }
}

function tell(file: string, { counts, complaints, output, seconds }: Outcome): void {
  sum.passed += counts.passed;
  sum.failed += counts.failed;
  sum.skipped += counts.skipped;
  const numbers = [`${counts.passed} passed`];
  if (counts.failed > 0) numbers.push(`${counts.failed} failed`);
  if (counts.skipped > 0) numbers.push(`${counts.skipped} skipped`);
  const name = relative(top, file);
  console.log(
    `${counts.failed > 0 ? 'FAIL' : 'ok  '} ${name.padEnd(44)} ${seconds.toFixed(1).padStart(6)} s  ${numbers.join(', ')}`,
  );
  for (const complaint of complaints) console.log(`     ${complaint}`);
  if (counts.failed > 0) console.log(output.replace(/^(?=.)/gm, '     | '));
  else for (const reason of skipsIn(output)) console.log(`     ${reason}`);
  if (counts.skipped > skipsIn(output).length)
    console.log('     skipped without a reason: see test/needs.ts');
}

function up(signal: 'SIGINT' | 'SIGTERM'): number {
  for (const group of running) endGroup(group);
  rmSync(scratch, { recursive: true, force: true });
  return signal === 'SIGINT' ? 130 : 143;
}
