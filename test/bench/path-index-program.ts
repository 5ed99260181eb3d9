// What path-index.ts measures, each in a process of its own: build, one answer as a command gives it, many look-ups.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { buildPathIndex } from '../../src/ownership/path-index/build.ts';
import { manifestPaths } from '../../src/ownership/path-index/manifest-paths.ts';
import { openPathIndex } from '../../src/ownership/path-index/open.ts';
import type { Listed } from './contents.ts';

const [verb, file = '', input = ''] = process.argv.slice(2);

const verbs: Record<string, () => Promise<void> | void> = {
  async build() {
    const listed: Listed[] = JSON.parse(readFileSync(input, 'utf8'));
    const hash = createHash('sha256');
    for (const { digest } of listed) hash.update(digest);
    const sources = listed.map(({ layer, file, digest }) => ({
      owner: { layer, version: '1' },
      paths: manifestPaths(file, digest),
    }));
    const began = performance.now();
    await buildPathIndex(file, sources, { digest: hash.digest('hex') });
    tell({ ms: performance.now() - began });
  },
  owner() {
    using index = openPathIndex(file);
    const owners = index.lookup(input.replace(/^\//, ''));
    process.stdout.write(`${owners.map(({ layer }) => layer).join(', ')}: ${input}\n`);
    if (process.env.NANOLIN_BENCH_TELL) tell({ ms: 0 });
  },
  /** The same paths twice. The file was dropped from the page cache before. */
  lookups() {
    const paths: string[] = JSON.parse(readFileSync(input, 'utf8'));
    using index = openPathIndex(file);
    const rounds = Array.from({ length: 3 }, () => {
      const began = performance.now();
      for (const path of paths) if (index.lookup(path).length === 0) throw new Error(`${path} was not found`);
      return paths.length / ((performance.now() - began) / 1000);
    });
    const hot = paths.slice(0, 100);
    const began = performance.now();
    for (let round = 0; round < 200; round++) for (const path of hot) index.lookup(path);
    const hotRate = (200 * hot.length) / ((performance.now() - began) / 1000);
    tell({ ms: 0, perSecond: [rounds[0] ?? 0, rounds[2] ?? 0, hotRate] });
  },
};

function tell(measured: { ms: number; perSecond?: number[] }): void {
  // Not getrusage: its maximum begins with what the parent had when it forked.
  const [, peak] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync('/proc/self/status', 'latin1')) ?? [];
  process.stderr.write(`${JSON.stringify({ ...measured, memory: Number(peak) * 1024 })}\n`);
}

void verbs[verb ?? '']?.();
