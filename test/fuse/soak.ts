import { execFile } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { program } from '../contract/stack-contract.ts';
import { makeWorld, type World } from '../contract/world.ts';
import { serversOf } from '../crash/servers.ts';
import { fsxFiles, fsxScript } from './fsx.ts';
import { nameLayers, nameScript } from './name-operations.ts';
import { difference, playAlong, type Script } from './script.ts';
import { type Files, timeless } from './union.ts';

export interface Soaked {
  readonly rounds: number;
  readonly operations: number;
  readonly switches: number;
  /** What went wrong, the first few. */
  readonly errors: readonly string[];
  /** Of the union's server in kB, one each half second. */
  readonly sizes: readonly number[];
}

interface Soak {
  readonly world: World;
  readonly target: string;
  /** Whether it goes on. */
  readonly running: () => boolean;
  readonly done: { rounds: number; operations: number; switches: number; errors: string[] };
  /** The next tree of the lowers that nobody has changed yet. */
  readonly fresh: () => string | null;
}

const run = promisify(execFile);
const TREES = 64;
const SAMPLE_MS = 500;
const SWITCH_MS = 1000;
const ERRORS = 10;
const ERROR_LENGTH = 300;

/**
 * Eight processes at work in a union in user space with an upper and four layers, one of which is swapped each second: four change names
 * and two data, each in a tree of its own and beside it in a plain copy, with the same answers; two read what no switch changes, and
 * look for a name that every layer brings.
 */
export async function soak(seconds: number): Promise<Soaked> {
  await using world = await makeWorld({ backend: 'fuse', program });
  const target = world.directory('soak', {});
  for (const [at, files] of nameLayers.entries()) await world.layer(`names${at}`, treesOf(files));
  for (const name of ['one', 'two'])
    await world.layer(name, { 'version/current': name, [`version/${name}`]: '' });
  await world.layer('stable', stable);
  world.profile(
    'soak',
    `TARGETS ${target} from=/`,
    'ENABLES stable names2 names1 names0 one',
    'WRITING persist',
  );
  const nanolin = await world.open();
  await nanolin.profile.switch('soak');

  const end = performance.now() + seconds * 1000;
  // The first one is copied.
  let tree = 1;
  const part: Soak = {
    world,
    target,
    running: () => performance.now() < end,
    done: { rounds: 0, operations: 0, switches: 0, errors: [] },
    fresh: () => (tree < TREES ? `names/${tree++}` : null),
  };
  const sizes: number[] = [];
  const switching = async () => {
    for (let old = 'one'; part.running(); old = old === 'one' ? 'two' : 'one') {
      const begun = performance.now();
      await noted(part, () => nanolin.swap(old, old === 'one' ? 'two' : 'one'));
      part.done.switches++;
      await sleep(Math.max(0, begun + SWITCH_MS - performance.now()));
    }
  };
  const sampling = async () => {
    for (; part.running(); await sleep(SAMPLE_MS)) sizes.push(resident(serversOf(world.root)));
  };
  mkdirSync(join(world.root, 'plain'));
  await Promise.all([
    switching(),
    sampling(),
    ...[0, 1, 2, 3].map(who => changeNames(part, who)),
    ...[4, 5].map(who => changeData(part, who)),
    ...[6, 7].map(() => read(part)),
  ]);
  await noted(part, async () => void (await nanolin.rollback(0)));
  return { ...part.done, sizes };
}

const treesOf = (files: Files): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: TREES }, (_, at) => at).flatMap(at =>
      Object.entries(files).flatMap(([path, content]) =>
        content === null ? [] : [[`names/${at}/${path}`, content] as const],
      ),
    ),
  );

const stable = Object.fromEntries([
  ...Array.from({ length: 400 }, (_, at) => [`stable/${at % 20}/${at}`, String(at).repeat(at * 5)]),
  ...Object.entries(fsxFiles).map(([path, content]) => [`data/${path}`, content]),
]) as Record<string, string>;

const resident = (pids: readonly number[]): number =>
  pids.reduce((sum, pid) => {
    const [, size] = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return sum + Number(size ?? 0);
  }, 0);

async function noted(part: Soak, act: () => Promise<unknown>): Promise<void> {
  const { errors } = part.done;
  await act().catch(
    error =>
      errors.length < ERRORS && errors.push(String(error.stderr || error.message).slice(0, ERROR_LENGTH)),
  );
}

/** A tree of the lowers as long as there are some, then copies of one; open files keep what they had before a switch, so none are. */
async function changeNames(part: Soak, who: number): Promise<void> {
  for (let round = 0; part.running(); round++) {
    const lower = part.fresh();
    const script = nameScript(who + 8 * round, 600, true).filter(line => !/^\S+ \d+( |$)|^open /.test(line));
    await compare(part, lower ?? 'names/0', lower, `names-${who}`, script);
  }
}

async function changeData(part: Soak, who: number): Promise<void> {
  for (let round = 0; part.running(); round++) {
    // Slots from 7 on only read: they would keep the lower's file over a switch.
    const script = fsxScript(who + 8 * round, 1500, false).filter(
      line => !/ [789]( |$)/.test(line.slice(0, 12)),
    );
    await compare(part, 'data', null, `data-${who}`, script);
  }
}

/** The script in the union and in a plain copy: in `own`, a tree of the lowers, or in a copy of `from` that goes afterwards. */
async function compare(
  part: Soak,
  from: string,
  own: string | null,
  name: string,
  script: Script,
): Promise<void> {
  const { target, world, done } = part;
  const [inside, plain] = [join(target, own ?? name), join(world.root, 'plain', name)];
  await noted(part, async () => {
    await run('cp', ['-a', join(target, from), plain]);
    if (own) await mark(plain);
    else await run('cp', ['-a', join(target, from), inside]);
    const [union, expected] = await Promise.all([
      playAlong({ path: inside }, script),
      playAlong({ path: plain, marked: true }, script),
    ]);
    const found = difference(union, expected);
    if (found)
      throw new Error(
        `${inside}: ${script[found.line]}: ${found.union}, on a plain directory ${found.plain}`,
      );
    if (timeless(inside).join() !== timeless(plain).join())
      throw new Error(`${inside}: other files in the end`);
  });
  await noted(part, () => run('rm', ['-rf', plain, inside]));
  done.rounds++;
  done.operations += script.length;
}

const mark = (plain: string) =>
  run('find', [plain, '-type', 'd', '-exec', 'setfattr', '-n', 'trusted.lower', '-v', 'y', '{}', '+']);

async function read(part: Soak): Promise<void> {
  const { target, done } = part;
  while (part.running()) {
    await noted(part, async () => {
      const { stdout } = await run('sh', [
        '-c',
        `cd "$1" && find stable -type f -exec cat {} + | cksum && cat version/current`,
        'sh',
        target,
      ]);
      const [sum = '', version = ''] = stdout.split('\n');
      if (!['one', 'two'].includes(version)) throw new Error(`version/current holds ${version}`);
      expected ??= sum;
      if (sum !== expected) throw new Error('other bytes in what no switch changes');
    });
    done.rounds++;
  }
}

let expected: string | undefined;
