// limit: 180s
/** Swaps in place with everything that the kernel may remember, against overlays of the kernel's of the same layers. NANOLIN_LONG=1: 400 a seed instead of 25. */
import { execFileSync } from 'node:child_process';
import {
  closeSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  rmSync,
  type Stats,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { ControlLine, startServer } from '../../src/fuse/index.ts';
import { AT_FDCWD, MOVE_MOUNT_F_EMPTY_PATH, native, O_DIRECTORY, O_PATH } from '../../src/kernel/index.ts';
import { needs } from '../needs.ts';
import { errno, noUnion, program } from './union.ts';

const test = suite('union: other lowers while it is in use');
const it = needs(test, noUnion);
const long = process.env.NANOLIN_LONG === '1';
const swaps = long ? 400 : 25;
/** Swaps before the server is measured, and again after. */
const settling = long ? 500 : 150;

/** xorshift32: the same layers for the same seed. */
function randomBy(seed: number): (below: number) => number {
  let state = seed * 2654435761 || 1;
  return below => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

const names = ['a', 'b', 'c', 'd'];
/** All that may ever be: 4 names, three deep. */
const paths = names.flatMap(one => [
  one,
  ...names.flatMap(two => [`${one}/${two}`, ...names.map(three => `${one}/${two}/${three}`)]),
]);

/** Files, links, whiteouts, directories and opaque ones, so that names change their kind from layer to layer. */
function fill(directory: string, random: (below: number) => number, tag: string): void {
  mkdirSync(directory);
  for (const path of paths) {
    const whole = join(directory, path);
    if (!look(dirname(whole))?.isDirectory()) continue;
    const kind = random(12);
    if (kind < 4) {
      mkdirSync(whole);
      if (random(5) === 0) execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', whole]);
    } else if (kind < 7) writeFileSync(whole, `${tag} ${path}`);
    else if (kind === 7) symlinkSync(`${tag}-${path}`, whole);
    else if (kind === 8) execFileSync('mknod', [whole, 'c', '0', '0']);
  }
}

const look = (path: string): Stats | null => {
  const stat = errno(() => lstatSync(path));
  return typeof stat === 'string' ? null : stat;
};

/** Every path that may be, present or absent, and what each directory lists. */
function view(root: string, kernel = false): string[] {
  // The kernel lists the whiteouts of a directory that one lower alone has; a look-up does not find them.
  const shows = (path: string, name: string) => !kernel || look(join(root, path, name)) !== null;

  const listed = ['', ...paths].map(path => {
    const found = errno(() =>
      readdirSync(join(root, path))
        .filter(name => shows(path, name))
        .sort()
        .join(' '),
    );
    return `${path}/ ${found}`;
  });
  return [
    ...listed,
    ...paths.map(path => {
      const whole = join(root, path);
      const stat = look(whole);
      if (!stat) return `${path} -`;
      const content = stat.isFile()
        ? readFileSync(whole, 'utf8')
        : stat.isSymbolicLink()
          ? readlinkSync(whole)
          : '';
      return `${path} ${stat.mode.toString(8)} ${stat.mtimeMs} ${content}`;
    }),
  ];
}

class Scene implements AsyncDisposable {
  readonly directory: string;
  readonly target: string;
  readonly #reference: string;
  readonly #line: ControlLine;
  readonly pid: number;
  readonly upper: string | null;
  #generation = 1;
  readonly #fds: number[] = [];

  private constructor(line: ControlLine, pid: number, directory: string, upper: string | null) {
    this.#line = line;
    this.pid = pid;
    this.upper = upper;
    this.directory = directory;
    this.target = join(directory, 'target');
    this.#reference = join(directory, 'reference');
  }

  static async make(lowers: (directory: string) => string[], writable: boolean): Promise<Scene> {
    const directory = mkdtempSync(join(tmpdir(), 'nanolin-swap-'));
    for (const name of ['target', 'reference', 'run', 'empty', 'upper', 'work'])
      mkdirSync(join(directory, name));
    const first = lowers(directory);
    const socket = join(directory, 'run/x.sock');
    const command = [process.execPath, ...process.execArgv, program, '--internal-serve-union', socket];
    const pid = await startServer(command);
    const line = await ControlLine.to(socket);
    const upper = writable ? join(directory, 'upper') : null;
    const scene = new Scene(line, pid, directory, upper);
    const work = join(directory, 'work');
    await line.ask({
      do: 'open',
      source: 'nanolin-1-0123456789ab',
      generation: 1,
      lowers: scene.#open(first),
      upper: upper === null ? null : { upper, work },
      base: null,
      nosuid: false,
      userxattr: false,
    });
    const { mount } = await line.ask({ do: 'mount', target: null });
    const fd = native.openat2(AT_FDCWD, `/proc/${pid}/fd/${mount}`, O_PATH | O_DIRECTORY, 0, 0);
    native.moveMount(fd, '', AT_FDCWD, scene.target, MOVE_MOUNT_F_EMPTY_PATH);
    native.close(fd);
    return scene;
  }

  #open(lowers: readonly string[]) {
    for (const fd of this.#fds.splice(0)) native.close(fd);
    return lowers.map((path, at) => {
      const fd = native.openat2(AT_FDCWD, path, O_PATH | O_DIRECTORY, 0, 0);
      this.#fds.push(fd);
      // Some by a key, as images have them, some by what they are.
      return { pid: process.pid, fd, key: at % 2 === 0 ? path : null };
    });
  }

  async swap(lowers: readonly string[]): Promise<void> {
    this.#generation++;
    await this.#line.ask({ do: 'prepare', generation: this.#generation, lowers: this.#open(lowers) });
    await this.#line.ask({ do: 'commit', generation: this.#generation });
  }

  async held(): Promise<number> {
    return (await this.#line.ask({ do: 'held' })).held?.length ?? 0;
  }

  /** What the kernel shows of the same layers; the upper is its topmost lower. */
  expected(lowers: readonly string[]): string[] {
    const layers = [...(this.upper === null ? [] : [this.upper]), ...lowers, join(this.directory, 'empty')];
    const options = `lowerdir=${layers.join(':')},index=off,metacopy=off,redirect_dir=nofollow`;
    execFileSync('mount', ['-t', 'overlay', 'reference', '-o', options, this.#reference]);
    try {
      return view(this.#reference, true);
    } finally {
      execFileSync('umount', [this.#reference]);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#line[Symbol.dispose]();
    for (const fd of this.#fds) native.close(fd);
    execFileSync('umount', ['--recursive', '--lazy', this.target]);
    for (let tries = 0; existsSync(`/proc/${this.pid}`) && tries < 100; tries++)
      await new Promise(done => setTimeout(done, 50));
    execFileSync('rm', ['-rf', this.directory]);
  }
}

const pool = 7;
const makePool = (random: (below: number) => number) => (directory: string) =>
  Array.from({ length: pool }, (_, at) => {
    const path = join(directory, `layer${at}`);
    fill(path, random, `l${at}`);
    return path;
  });

function choose(layers: readonly string[], random: (below: number) => number): string[] {
  const left = [...layers];
  return Array.from(
    { length: 1 + random(layers.length) },
    () => left.splice(random(left.length), 1)[0] ?? '',
  );
}

for (const [seed, writable] of [
  [1, false],
  [2, false],
  [3, true],
] as const)
  it(`seed ${seed}${writable ? ', with an upper that changes' : ''}: each swap shows what a new mount would, whatever was looked at before`, async () => {
    const random = randomBy(seed);
    let layers: string[] = [];
    await using scene = await Scene.make(directory => {
      layers = makePool(random)(directory);
      return layers;
    }, writable);
    assert.equal(view(scene.target), scene.expected(layers));
    for (let round = 0; round < swaps; round++) {
      if (writable)
        for (let change = 0; change < 6; change++) {
          const path = join(scene.target, paths[random(paths.length)] ?? '');
          const what = random(4);
          errno(() =>
            what === 0
              ? writeFileSync(path, `upper ${round}`)
              : what === 1
                ? mkdirSync(path)
                : rmSync(path, { recursive: what === 2 }),
          );
        }
      // Some of it in the kernel's caches, the rest not.
      if (random(3) === 0) view(scene.target);
      else
        for (let times = 0; times < 30; times++) look(join(scene.target, paths[random(paths.length)] ?? ''));
      const next = choose(layers, random);
      await scene.swap(next);
      assert.equal(view(scene.target), scene.expected(next), `round ${round}`);
    }
  });

it('what is open stays what it was, a directory in use stays one, and both end with their holders', async () => {
  const random = randomBy(9);
  await using scene = await Scene.make(directory => {
    makePool(random)(directory);
    for (const [layer, content] of [
      ['old', 'old'],
      ['new', 'a newer one'],
    ]) {
      mkdirSync(join(directory, `${layer}/in/deep`), { recursive: true });
      mkdirSync(join(directory, `${layer}/mounted`));
      writeFileSync(join(directory, `${layer}/in/deep/f`), content ?? '');
      writeFileSync(join(directory, `${layer}/in/${layer}`), '');
    }
    return [join(directory, 'old')];
  }, false);
  const at = (path: string) => join(scene.target, path);
  const fd = openSync(at('in/deep/f'), 'r');
  const list = native.openat2(AT_FDCWD, at('in/deep'), O_PATH | O_DIRECTORY, 0, 0);
  execFileSync('mount', ['-t', 'tmpfs', 'nested', at('mounted')]);
  writeFileSync(at('mounted/kept'), '');

  await scene.swap([join(scene.directory, 'new')]);
  const buffer = Buffer.alloc(20);
  assert.is(buffer.toString('utf8', 0, readSync(fd, buffer, 0, 20, 0)), 'old');
  assert.is(readFileSync(at('in/deep/f'), 'utf8'), 'a newer one');
  // Through the directory that somebody is in: it is the same one.
  assert.is(readFileSync(`/proc/self/fd/${list}/f`, 'utf8'), 'a newer one');
  assert.equal(readdirSync(at('in')).sort(), ['deep', 'new']);
  assert.ok(existsSync(at('mounted/kept')));
  assert.is(await scene.held(), 1);
  closeSync(fd);
  native.close(list);
  for (let tries = 0; (await scene.held()) > 0; tries++) assert.ok(tries < 200, 'it is held for ever');
});

it(`${2 * settling} swaps leave the server as small as it was`, async () => {
  const random = randomBy(5);
  let layers: string[] = [];
  await using scene = await Scene.make(directory => {
    layers = makePool(random)(directory);
    return layers;
  }, false);
  const resident = () =>
    Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${scene.pid}/status`, 'latin1'))?.[1] ?? 0) / 1024;
  const descriptors = () => readdirSync(`/proc/${scene.pid}/fd`).length;
  const some = async (count: number) => {
    for (let round = 0; round < count; round++) {
      await scene.swap(choose(layers, random));
      view(scene.target);
    }
  };
  await some(settling);
  const [before, open] = [resident(), descriptors()];
  await some(settling);
  // MiB: what V8 takes and gives back by itself.
  assert.ok(resident() < before + 8, `${before} MiB became ${resident()}`);
  assert.ok(descriptors() < open + 40, `${open} descriptors became ${descriptors()}`);
});

test.run();
