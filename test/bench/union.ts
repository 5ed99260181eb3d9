import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Conversation, converse } from '../gap/conversation.ts';
import { program } from '../programs/build.ts';
import { type Timing, timed } from './extensions.ts';
import { median, printTable, ratio } from './table.ts';
import {
  type Contender,
  memoryOf,
  type Place,
  presentContenders,
  serversOf,
  unmount,
} from './union-contenders.ts';
import { makeUnionLayers, type UnionLayers } from './union-layers.ts';

const depth = 8;
const rounds = Number(process.env.NANOLIN_BENCH_ROUNDS ?? 3);
/** `NANOLIN_BENCH_FILES=4000 npm run bench union` takes a minute. */
const wanted = Number(process.env.NANOLIN_BENCH_FILES ?? 40_000);
const randomReads = 20_000;

const rows = [
  ...['find cold', 'find warm', 'find -size cold', 'find -size warm', 'stat storm cold', 'stat storm warm'],
  ...['tar of everything cold', 'tar of everything warm', 'dd 256 MiB cold', 'dd 256 MiB warm'],
  ...[`${randomReads} random reads cold`, `${randomReads} random reads warm`],
  ...['untar 3,000 files', 'rm -rf of them'],
] as const;
const memoryRow = 'memory of these, MiB';
/** Two sizes of a union: what the difference costs is what a file costs, whatever a program has taken on to run at all. */
const sizes = [20_000, 120_000] as const;

/** Milliseconds by row, and bytes of memory. */
type Times = Map<string, number[]>;

/**
 * A writable union of eight layers of real files, by the kernel and by three programs, in turns. Cold is a fresh mount and empty caches;
 * warm is the same again. Each group of rows begins with a fresh mount and an empty upper in memory. `find -size` asks for attributes, `find` for types.
 */
export async function run(scratch: string): Promise<void> {
  const layers = makeUnionLayers(scratch, depth, wanted);
  // What a disk does when blocks are freed (a discard each, on some hosts) would hide what the unions do.
  const uppers = join(scratch, 'uppers');
  mkdirSync(uppers);
  execFileSync('mount', ['-t', 'tmpfs', 'uppers', uppers]);
  const present = presentContenders();
  const times = new Map<Contender, Times>(present.map(contender => [contender, new Map()]));
  await using clock = converse<Timing>([program('timed')]);
  const list = await pathsOf(uppers, layers, present);
  for (let round = 0; round < rounds; round++)
    for (const [contender, its] of times)
      await measure(
        join(uppers, `${round}-${contender.name.replace(' ', '-')}`),
        contender,
        layers,
        list,
        clock,
        its,
      );

  const theirs = times.get(present.find(({ name }) => name === 'fuse-overlayfs') as Contender);
  const ours = times.get(present.find(({ name }) => name === 'nanolin') as Contender);
  const middle = (its: Times | undefined, row: string) => median(its?.get(row) ?? []);
  printTable(
    `A writable union of ${depth} layers with ${layers.files.toLocaleString('en')} files, ms (medians of ${rounds})`,
    ['', ...present.map(({ name }) => name), 'nanolin/fuse-overlayfs'],
    [...rows, memoryRow].map(row => [
      row,
      ...present.map(contender => shown(middle(times.get(contender), row), row === memoryRow ? 1 : 0)),
      ratio(middle(ours, row), middle(theirs, row)),
    ]),
  );
  for (const contender of present)
    console.log(
      `  ${contender.name}: ${(await bytesPerFile(uppers, contender)).toFixed(0)} bytes of memory a file`,
    );
}

/** With the attributes of every file asked for. */
async function bytesPerFile(uppers: string, contender: Contender): Promise<number> {
  const taken: number[] = [];
  for (const size of sizes) {
    const directory = join(uppers, `${contender.name.replace(' ', '-')}-${size}`);
    const lower = join(directory, 'lower');
    for (let at = 0; at < size; at++) {
      const place = join(lower, `directory${Math.floor(at / 20)}`);
      if (at % 20 === 0) mkdirSync(place, { recursive: true });
      writeFileSync(join(place, `a-file-of-${at}.conf`), '');
    }
    await within(directory, contender, { lowers: [lower] }, async ({ merged }) => {
      const before = memoryOf(serversOf(merged));
      execFileSync('find', [merged, '-size', '+1']);
      await sleep(settled);
      taken.push(memoryOf(serversOf(merged)) - before);
    });
    execFileSync('rm', ['-rf', directory]);
  }
  const [small = 0, large = 0] = taken;
  return (large - small) / (sizes[1] - sizes[0]);
}

/** Milliseconds after which a server has given back what it needed in between. */
const settled = 4000;

const shown = (value: number, digits: number): string => (Number.isNaN(value) ? '-' : value.toFixed(digits));

async function measure(
  directory: string,
  contender: Contender,
  layers: UnionLayers,
  list: string,
  clock: Conversation<Timing>,
  times: Times,
): Promise<void> {
  const note = (row: string, value: number) => times.set(row, [...(times.get(row) ?? []), value]);
  const twice = async (what: string, once: () => number | Promise<number>) => {
    dropCaches();
    note(`${what} cold`, await once());
    note(`${what} warm`, await once());
  };
  const storm = (...args: readonly string[]) =>
    (JSON.parse(execFileSync(program('storm'), args, { encoding: 'utf8' })) as Timing).ns / 1e6;
  // One that cannot do it has no number there, and is no reason to stop the others.
  const mounted = async (group: string, body: (place: Place) => Promise<void>) => {
    try {
      await within(`${directory}-${group}`, contender, layers, body);
    } catch (error) {
      console.log(`${contender.name} failed: ${(error as Error).message}`);
    }
  };

  await mounted('find', ({ merged }) => twice('find', () => timed(clock, ['find', merged])));
  await mounted('size', ({ merged }) =>
    twice('find -size', () => timed(clock, ['find', merged, '-size', '+1'])),
  );
  await mounted('stat', async ({ merged }) => {
    const before = memoryOf(serversOf(merged));
    await twice('stat storm', () => storm('stat', merged, list));
    note(memoryRow, (memoryOf(serversOf(merged)) - before) / 2 ** 20);
  });
  // GNU tar does not read what it writes to /dev/null.
  const tar = ['sh', '-c', 'tar -C "$0" --exclude=./large -cf - . | cat'];
  await mounted('tar', ({ merged }) => twice('tar of everything', () => timed(clock, [...tar, merged])));
  await mounted('data', async ({ merged }) => {
    const large = join(merged, layers.large);
    await twice('dd 256 MiB', () => timed(clock, ['dd', `if=${large}`, 'bs=1M', 'status=none']));
    await twice(`${randomReads} random reads`, () => storm('read', large, String(randomReads)));
  });
  await mounted('write', async ({ merged }) => {
    const made = join(merged, 'made');
    mkdirSync(made);
    dropCaches();
    note('untar 3,000 files', await timed(clock, ['tar', '-C', made, '-xf', layers.archive]));
    note('rm -rf of them', await timed(clock, ['rm', '-rf', made]));
  });
}

async function within(
  directory: string,
  contender: Contender,
  { lowers }: Pick<UnionLayers, 'lowers'>,
  body: (place: Place) => Promise<void>,
): Promise<void> {
  const [upper, work, merged] = ['upper', 'work', 'merged'].map(name => join(directory, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [upper, work, merged]) mkdirSync(path, { recursive: true });
  const place = { lowers, upper, work, merged };
  const [command, ...args] = contender.command(place);
  execFileSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    await body(place);
  } finally {
    await unmount(merged);
  }
}

/** Every path of the union, as the first contender has it: they must all have the same. */
async function pathsOf(uppers: string, layers: UnionLayers, [first]: readonly Contender[]): Promise<string> {
  const list = join(uppers, 'paths');
  if (!first) throw new Error('there is nothing to measure');
  await within(join(uppers, 'paths-of'), first, layers, async ({ merged }) =>
    writeFileSync(list, execFileSync('find', ['.'], { cwd: merged, maxBuffer: 2 ** 28 })),
  );
  return list;
}

function dropCaches(): void {
  execFileSync('sync');
  writeFileSync('/proc/sys/vm/drop_caches', '3');
}
