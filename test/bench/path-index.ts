import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { execa } from 'execa';
import { manifestPaths } from '../../src/ownership/path-index/manifest-paths.ts';
import { converse } from '../gap/conversation.ts';
import { program } from '../programs/build.ts';
import { debianManifests, type Listed } from './contents.ts';
import { type Timing, timed } from './extensions.ts';
import { median, milliseconds, printTable, ratio } from './table.ts';

const rounds = 21;
/** apt-file reads all of its indexes each time. */
const slowRounds = 3;
/** A desktop has some thousand packages. */
const many = 3000;

interface Measured {
  readonly ms: number;
  /** Bytes that were resident at most. */
  readonly memory: number;
  readonly perSecond: readonly number[];
}

/**
 * (f) Who ships a path, over a manifest for each package of Debian main: the build, look-ups, and one answer as a whole process against
 * those that Debian has, on a path that the host has installed.
 *
 * Why a file of our own. 7,362,379 (path, package) pairs of Debian 12 main in 63,437 packages, look-ups of 37,136 of them in random
 * order with the file in the page cache; seconds and look-ups are of processor time, as others used the machine:
 *
 *                                       build      size    look-ups/s    the same 100/s    what it needs
 *     front-coded blocks, deflated       24 s     43 MB        14,000           170,000    nothing
 *     better-sqlite3 12.11.1              4 s    618 MB       192,000           377,000    a compiler at install
 *     lmdb 3.5.6                          7 s    592 MB       339,000         1,430,000    a binary for each platform
 *
 * (The two were given what the first had sorted: sorting is most of its 24 s.) A command looks up one path, or one for each that it was
 * given: 70 us or 3 us beside the 40 ms in which node starts. The size is what a repo's index costs, and what has to come from the disk.
 * Of block sizes 4, 8, 16 and 32 KiB, 8 gave most look-ups; zlib's level 6 against 1 took 6 % off the size and no time that could be
 * measured.
 */
export async function run(scratch: string): Promise<void> {
  const bundle = await bundled(scratch);
  const node = (verb: string, index: string, input: string) => [process.execPath, bundle, verb, index, input];
  const { listed, entries, some } = await debianManifests(join(scratch, 'manifests'));
  const list = join(scratch, 'listed.json');
  writeFileSync(list, JSON.stringify(listed));
  const index = join(scratch, 'paths');
  const built = await measured(node('build', index, list));
  printTable(
    'An index over a manifest for each package of Debian main',
    ['packages', 'paths', 'manifests', 'build', 'peak memory', 'index'],
    [
      [
        listed.length,
        entries,
        megabytes(listed.reduce((sum, { file }) => sum + statSync(file).size, 0)),
        `${(built.ms / 1000).toFixed(1)} s`,
        megabytes(built.memory),
        megabytes(statSync(index).size),
      ],
    ],
  );

  const path = '/usr/bin/dpkg';
  const database = join(scratch, 'dpkg');
  writeDatabase(database, listed);
  const paths = join(scratch, 'some.json');
  writeFileSync(paths, JSON.stringify(scattered(some)));
  // POSIX_FADV_DONTNEED for the whole file, and nothing else of the machine.
  await execa('dd', [`if=${index}`, 'iflag=nocache', 'count=0']);
  const lookups = await measured(node('lookups', index, paths));
  const one = await measured(node('owner', index, path), { NANOLIN_BENCH_TELL: '1' });
  printTable(
    'Look-ups a second in one process',
    ['nothing in memory', 'spread over all', 'the same 100', 'memory after', 'memory of one answer'],
    [[...lookups.perSecond.map(rate => rate.toFixed(0)), megabytes(lookups.memory), megabytes(one.memory)]],
  );

  await using clock = converse<Timing>([program('timed')]);
  const commands = {
    'node -e 0': { command: [process.execPath, '-e', '0'], rounds },
    'ours, Debian main': { command: node('owner', index, path), rounds },
    'dpkg -S, this host': { command: ['dpkg', '-S', path], rounds },
    [`dpkg -S, ${many} packages`]: { command: ['dpkg', `--admindir=${database}`, '-S', path], rounds },
    'apt-file search -F': { command: ['apt-file', 'search', '-F', path], rounds: slowRounds },
    'apt-file search -x': { command: ['apt-file', 'search', '-x', `^${path}$`], rounds: slowRounds },
  };
  const times = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++)
    for (const [name, { command, rounds }] of Object.entries(commands))
      if (round < rounds) times.set(name, [...(times.get(name) ?? []), await timed(clock, command)]);
  const { stdout } = await execa('dpkg-query', ['-W', '-f', '\\n']);
  const ours = median(times.get('ours, Debian main') ?? []);
  printTable(
    `Who ships ${path}, as a whole process (medians; this host has ${stdout.split('\n').length} packages)`,
    ['command', 'time', 'ours is'],
    [...times].map(([name, each]) => [name, milliseconds(median(each)), ratio(ours, median(each))]),
  );
}

/** What dpkg would have with so many of the packages installed, dpkg among them. */
function writeDatabase(directory: string, listed: readonly Listed[]): void {
  mkdirSync(join(directory, 'info'), { recursive: true });
  writeFileSync(join(directory, 'info/format'), '1\n');
  const step = Math.floor(listed.length / many);
  const installed = listed.filter(({ layer }, n) => layer === 'dpkg' || (n % step === 0 && n < many * step));
  const status = installed.map(
    ({ layer }) =>
      `Package: ${layer}\nStatus: install ok installed\nArchitecture: all\nMaintainer: a <a@b>\nVersion: 1\nDescription: x\n`,
  );
  writeFileSync(join(directory, 'status'), `${status.join('\n')}\n`);
  for (const { layer, file, digest } of installed) {
    const paths = [...manifestPaths(file, digest)].map(path => `/${path || '.'}\n`);
    writeFileSync(join(directory, 'info', `${layer}.list`), paths.join(''), 'latin1');
  }
}

/** As the program is: one CommonJS file. */
async function bundled(scratch: string): Promise<string> {
  const outfile = join(scratch, 'path-index.cjs');
  await build({
    entryPoints: [join(import.meta.dirname, 'path-index-program.ts')],
    ...{ outfile, bundle: true, platform: 'node', target: 'node20', format: 'cjs', logLevel: 'warning' },
    define: { 'import.meta.url': '__url' },
    banner: { js: 'const __url = require("node:url").pathToFileURL(__filename).href;' },
  });
  return outfile;
}

async function measured(command: readonly string[], env: Record<string, string> = {}): Promise<Measured> {
  const [file = '', ...args] = command;
  const { stderr } = await execa(file, args, { env });
  return JSON.parse(stderr.split('\n').at(-1) ?? '');
}

/** In an order that has nothing to do with theirs, the same each time: 7919 is prime. */
function scattered(paths: readonly string[]): string[] {
  return paths.map((_, n) => paths[(n * 7919) % paths.length] ?? '');
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
