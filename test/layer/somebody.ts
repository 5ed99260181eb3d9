import { execFileSync, type SpawnSyncReturns, spawnSync } from 'node:child_process';
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readMountinfo } from '../../src/kernel/index.ts';
import { choosePaths, type Paths } from '../../src/state/index.ts';

const uid = 65534;
const top = fileURLToPath(new URL('../..', import.meta.url));

/** An ordinary user without sudo and without a user namespace, at home in a directory of the test's. */
export interface Somebody extends AsyncDisposable {
  readonly uid: number;
  /** All of it is below; anybody may enter, and only he writes. */
  readonly place: string;
  readonly paths: Paths;
  /** As `spawnSync`, as him. */
  as(command: readonly string[], env?: Readonly<Record<string, string>>): SpawnSyncReturns<string>;
  /** A file of test/layer, or the program with `nanolin`. */
  node(
    file: string,
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
  ): SpawnSyncReturns<string>;
}

/** What there has to be, in words for `needs`. */
export const noSomebody =
  process.getuid?.() !== 0
    ? 'root'
    : isThere('setpriv')
      ? existsSync('/dev/fuse')
        ? null
        : '/dev/fuse'
      : 'setpriv';

export const noSquashfuse = noSomebody ?? (isThere('squashfuse_ll') ? null : 'squashfuse');

/** The runner's directories are root's alone, and /dev/fuse may be: this mount namespace has another way in, on /mnt. */
export function openSomebody(): Somebody {
  const scratch = directory();
  const place = '/mnt';
  execFileSync('mount', ['--bind', scratch, place]);
  execFileSync('mknod', ['-m', '666', `${place}/fuse`, 'c', '10', '229']);
  execFileSync('mount', ['--bind', `${place}/fuse`, '/dev/fuse']);
  for (const name of ['home', 'run', 'tmp']) {
    mkdirSync(join(place, name), { mode: 0o700, recursive: true });
    chownSync(join(place, name), uid, uid);
  }
  const home = join(place, 'home');
  const env = { HOME: home, XDG_RUNTIME_DIR: join(place, 'run'), TMPDIR: join(place, 'tmp') };
  const rest = { PATH: process.env.PATH ?? '', NO_COLOR: '1', NANOLIN_TEST: '1' };
  const as: Somebody['as'] = (command, more = {}) =>
    spawnSync('setpriv', ['--reuid', `${uid}`, '--regid', `${uid}`, '--clear-groups', ...command], {
      encoding: 'utf8',
      cwd: top,
      env: { ...rest, ...env, ...more },
      timeout: 60_000,
    });
  return {
    uid,
    place,
    paths: choosePaths({}, { uid, outside: uid, rootOwner: 0, home, env }),
    as,
    node: (file, args, more) => as([process.execPath, '--import', 'tsx', join(top, file), ...args], more),
    async [Symbol.asyncDispose]() {
      const mounts = () =>
        readMountinfo().filter(
          ({ mountPoint, type }) => mountPoint.startsWith(`${place}/`) && type.startsWith('fuse'),
        );
      for (const { mountPoint } of mounts()) execFileSync('umount', ['--lazy', mountPoint]);
      for (const path of ['/dev/fuse', place]) execFileSync('umount', ['--lazy', path]);
      // Programs that showed images end with their mounts, and keep this namespace until then.
      for (let tries = 0; tries < 50 && showing().length > 0; tries++) await sleep(20);
      clear(scratch, 'tmp');
    },
  };
}

let scratch: string | null = null;

/** One for all tests of a file: tsx keeps what it has compiled in TMPDIR. */
function directory(): string {
  if (scratch) return scratch;
  const made = mkdtempSync(join(tmpdir(), 'nanolin-user-'));
  chmodSync(made, 0o755);
  process.on('exit', () => rmSync(made, { recursive: true, force: true }));
  scratch = made;
  return made;
}

function clear(directory: string, but: string): void {
  for (const name of readdirSync(directory))
    if (name !== but) rmSync(join(directory, name), { recursive: true, force: true });
}

/** Processes that show images of the place, which only this test has. */
export function showing(): number[] {
  const { stdout } = spawnSync('pgrep', ['-f', '^[^ ]*(squash|erofs)fuse.* /mnt/'], { encoding: 'utf8' });
  return stdout.split('\n').filter(Boolean).map(Number);
}

function isThere(program: string): boolean {
  return (process.env.PATH ?? '').split(':').some(folder => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
