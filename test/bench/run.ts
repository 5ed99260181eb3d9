import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';

/** `npm run bench [NAME...]`: prints tables; nothing is asserted about time. */
const benches: Readonly<Record<string, () => Promise<{ run(scratch: string): Promise<void> }>>> = {
  switch: () => import('./switch.ts'),
  process: () => import('./process.ts'),
  size: () => import('./size.ts'),
  gap: () => import('./gap.ts'),
  solve: () => import('./solve.ts'),
  'path-index': () => import('./path-index.ts'),
  hashing: () => import('./hashing.ts'),
  union: () => import('./union.ts'),
  soak: () => import('./soak.ts'),
};
/** Half an hour, when it is asked for. */
const long = ['soak'];

const scratchVariable = 'NANOLIN_BENCH_SCRATCH';
const names = process.argv.slice(2);
const scratch = process.env[scratchVariable];

if (scratch) {
  for (const name of names) await (await benches[name]?.())?.run(scratch);
} else
  await runInNamespace(names.length > 0 ? names : Object.keys(benches).filter(name => !long.includes(name)));

/**
 * Each bench runs in a mount namespace that ends with it, so that its mounts and loop devices end too, however it ends; what it
 * wrote is removed here, where nothing is mounted on it.
 */
async function runInNamespace(wanted: readonly string[]): Promise<void> {
  const unknown = wanted.find(name => !(name in benches));
  if (unknown !== undefined)
    throw new Error(`no bench ${unknown}: there are ${Object.keys(benches).join(', ')}`);
  const directory = mkdtempSync(join(tmpdir(), 'nanolin-bench-'));
  const stopped = new AbortController();
  // ^C reaches the bench by itself; either way its end is waited for.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => stopped.abort());
  try {
    for (const name of wanted) {
      const own = join(directory, name);
      mkdirSync(own);
      const { exitCode, signal } = await execa(
        'unshare',
        [
          '--mount',
          '--propagation',
          'private',
          process.execPath,
          ...process.execArgv,
          import.meta.filename,
          name,
        ],
        { stdio: 'inherit', reject: false, cancelSignal: stopped.signal, env: { [scratchVariable]: own } },
      );
      if (exitCode !== 0) process.exitCode = exitCode ?? 1;
      if (signal) break;
    }
  } finally {
    rmSync(directory, { recursive: true, force: true, maxRetries: 10 });
  }
}
