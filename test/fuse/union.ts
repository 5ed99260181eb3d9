import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Test } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';

/** `kernel` is an overlay made by mount(8): the reference, which proves that a test asks for the right thing. */
export type Backend = 'kernel' | 'fuse';

/** Content by path; a path that ends in a slash is a directory, null a whiteout. */
export type Files = Readonly<Record<string, string | null>>;

export interface Union extends AsyncDisposable {
  readonly backend: Backend;
  readonly merged: string;
  readonly upper: string;
  readonly work: string;
  /** Topmost first. */
  readonly lowers: readonly string[];
  /** Where anything may be put, beside the layers. */
  readonly scratch: string;
  /** What the lowers held when they were last mounted. */
  readonly before: readonly string[];
  at(path: string): string;
  mount(options?: string): Promise<void>;
  /** Ends with the daemon gone. */
  unmount(): Promise<void>;
  remount(): Promise<void>;
}

export const program = join(dirname(fileURLToPath(import.meta.url)), 'union-program.ts');
const fixed = 'index=off,metacopy=off,redirect_dir=nofollow,xino=on';

export const noUnion: string | null =
  process.getuid?.() !== 0 ? 'root' : existsSync('/dev/fuse') ? null : '/dev/fuse';

/** One line of the union's semantics, on both backends, with what its lowers hold before and after compared. */
export function contract(
  test: Test,
  line: string,
  lowers: readonly Files[],
  body: (union: Union) => void | Promise<void>,
  only?: Backend,
): void {
  for (const backend of ['kernel', 'fuse'] as const) {
    if (only && only !== backend) continue;
    needs(test, noUnion)(`${line} [${backend}]`, async () => {
      await using union = await makeUnion(backend, lowers);
      await body(union);
      assert.equal(union.lowers.map(digest), union.before, 'a lower was changed');
    });
  }
}

/** Mounted with `options`, plainly over its layers, or not yet. */
export async function makeUnion(
  backend: Backend,
  lowers: readonly Files[],
  options?: string | null,
): Promise<Union> {
  const scratch = mkdtempSync(join(tmpdir(), 'nanolin-union-'));
  const directory = (name: string) => {
    mkdirSync(join(scratch, name));
    return join(scratch, name);
  };
  const [upper, work, merged] = ['upper', 'work', 'merged'].map(directory) as [string, string, string];
  const paths = lowers.map((files, index) => put(directory(`lower${index}`), files));
  const plain = `lowerdir=${paths.join(':')},upperdir=${upper},workdir=${work}`;
  let before: string[] = [];
  const union: Union = {
    backend,
    get before() {
      return before;
    },
    scratch,
    upper,
    work,
    merged,
    lowers: paths,
    at: path => join(merged, path),
    async mount(mounted = plain) {
      before = paths.map(digest);
      await mount(backend, merged, mounted);
    },
    async unmount() {
      const serving = servers(scratch);
      execFileSync('umount', [merged]);
      await idle(scratch, serving);
    },
    async remount() {
      await union.unmount();
      await union.mount(options ?? plain);
    },
    async [Symbol.asyncDispose]() {
      if (isMounted(merged)) spawnSync('umount', ['--lazy', merged]);
      await idle(scratch);
      // Node builds paths, and some are longer than a path may be.
      execFileSync('rm', ['-rf', scratch]);
    },
  };
  if (options !== null) await union.mount(options ?? plain);
  return union;
}

export function put(directory: string, files: Files): string {
  for (const [path, content] of Object.entries(files)) {
    const whole = join(directory, path);
    mkdirSync(path.endsWith('/') ? whole : dirname(whole), { recursive: true });
    if (content === null) execFileSync('mknod', [whole, 'c', '0', '0']);
    else if (!path.endsWith('/')) writeFileSync(whole, content);
  }
  return directory;
}

export const run = (...args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [...process.execArgv, program, 'union', ...args],
    { encoding: 'utf8', timeout: 20_000 },
  );
  return status === 0 ? stdout : `${status}: ${stderr}`;
};

async function mount(backend: Backend, target: string, options: string): Promise<void> {
  if (backend === 'kernel')
    execFileSync('mount', ['-t', 'overlay', 'overlay', '-o', `${options},${fixed}`, target]);
  else {
    const said = run('--backend', 'fuse', '-o', options, target);
    assert.match(said, /^mounted/);
  }
}

/** What mount(8) puts on a directory beside the layers, until the scope ends. */
export function mounted(
  { scratch }: Pick<Union, 'scratch'>,
  name: string,
  ...args: readonly string[]
): Disposable & { readonly path: string } {
  const path = join(scratch, name);
  mkdirSync(path);
  execFileSync('mount', [...args, path]);
  return { path, [Symbol.dispose]: () => void spawnSync('umount', ['--lazy', path]) };
}

/** Directories for an upper, made on the file system of `place`, as options over the lowers. */
export function over(lowers: readonly string[], place: string): string {
  for (const name of ['upper', 'work']) mkdirSync(join(place, name), { recursive: true });
  return `lowerdir=${lowers.join(':')},upperdir=${place}/upper,workdir=${place}/work`;
}

export const isMounted = (path: string): boolean =>
  readFileSync('/proc/self/mountinfo', 'utf8').includes(` ${path} `);

/** Servers are known by what is on their command line. */
export function servers(path: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        const line = readFileSync(`/proc/${pid}/cmdline`, 'latin1');
        return line.includes('--foreground') && line.includes(`${path}/`);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Until no server of a union below a path is left. */
export async function idle(path: string, before: readonly number[] = []): Promise<void> {
  // One that is ending has no command line any more, and its descriptors still.
  const left = () => [...servers(path), ...before.filter(pid => existsSync(`/proc/${pid}`))];
  for (let tries = 0; left().length > 0; tries++) {
    if (tries === 100) for (const pid of servers(path)) process.kill(pid, 'SIGKILL');
    assert.ok(tries < 110, 'the server of the union does not end');
    await sleep(50);
  }
}

/** Every name below a directory with its type, mode, owner, size, content, target and change time. */
export function digest(directory: string): string {
  const hash = createHash('sha256');
  for (const line of tree(directory)) hash.update(`${line}\n`);
  return hash.digest('hex');
}

export function tree(directory: string): string[] {
  return (readdirSync(directory, { recursive: true, encoding: 'latin1' }) as string[]).sort().map(name => {
    const path = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')]);
    const stat = lstatSync(path, { bigint: true });
    const content = stat.isFile()
      ? readFileSync(path, 'latin1')
      : stat.isSymbolicLink()
        ? readlinkSync(path)
        : '';
    return [name, stat.mode.toString(8), stat.uid, stat.gid, stat.rdev, stat.mtimeNs, content].join(' ');
  });
}

/** The same without times. */
export const timeless = (directory: string): string[] =>
  tree(directory).map(line => line.split(' ').toSpliced(5, 1).join(' '));

/** What a call gives, or its errno. */
export function errno<T>(call: () => T): T | string {
  try {
    return call();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

export const text = (path: string): string => errno(() => readFileSync(path, 'utf8'));
export const names = (path: string): string[] => readdirSync(path).sort();

/**
 * For the calls that Node has not: a Python program with the union as its working directory and `os`, `errno`, `libc` and `result` at
 * hand; what it gives to `result` comes back. An OSError inside `code(...)` is its errno's name.
 */
export function python<T = unknown>(union: Pick<Union, 'merged'>, script: string, uid = 0): T {
  const prelude = `
import os, sys, json, errno, ctypes, fcntl, mmap, socket, stat, struct
libc = ctypes.CDLL(None, use_errno=True)
os.umask(0o022)
os.chdir(sys.argv[1])
if ${uid}: os.setgroups([]); os.setgid(${uid}); os.setuid(${uid})
def result(value): print(json.dumps(value))
def code(call):
  try: return call()
  except OSError as error: return errno.errorcode[error.errno]
def libc_call(value):
  if value < 0: raise OSError(ctypes.get_errno(), '')
  return value
def renameat2(a, b, flags): return libc_call(libc.renameat2(-100, os.fsencode(a), -100, os.fsencode(b), flags))
def fallocate(fd, mode, offset, length): return libc_call(libc.fallocate(fd, mode, ctypes.c_long(offset), ctypes.c_long(length)))
`;
  const done = spawnSync('python3', ['-c', prelude + script, union.merged], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  assert.is(done.status, 0, done.stderr);
  return JSON.parse(done.stdout) as T;
}
