import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Nanolin, type OpenOptions, openNanolin } from '../../src/index.ts';

/** Path to content; a path that ends in `/` is an empty directory. */
export type Files = Readonly<Record<string, string>>;

/** A root for the library and a tmpfs on which the targets lie, gone with the `using` scope. */
export interface World extends AsyncDisposable {
  readonly root: string;
  /** A directory with mounts of its own; targets are made below it. */
  readonly live: string;
  open(options?: OpenOptions): Promise<Nanolin>;
  /** Writes the files below `live` and returns the directory's path. */
  directory(name: string, files: Files): string;
  /** Imports a layer that holds the files. */
  layer(
    name: string,
    files: Files,
    options?: { version?: string; format?: 'erofs' | 'squashfs' },
  ): Promise<void>;
  /** Writes NAME.rcp below etc/nanolin/profiles. */
  profile(name: string, ...lines: readonly string[]): void;
}

export async function makeWorld(defaults: OpenOptions = {}): Promise<World> {
  const scratch = mkdtempSync(join(tmpdir(), 'nanolin-world-'));
  const root = join(scratch, 'root');
  const live = join(scratch, 'live');
  const opened: Nanolin[] = [];
  mkdirSync(join(root, 'etc/nanolin/profiles'), { recursive: true });
  mkdirSync(live);
  execFileSync('mount', ['-t', 'tmpfs', 'nanolin-world', live]);
  const world: World = {
    root,
    live,
    async open(options = {}) {
      const nanolin = await openNanolin({ root, restart: false, ...defaults, ...options });
      opened.push(nanolin);
      return nanolin;
    },
    directory(name, files) {
      const path = join(live, name);
      writeFiles(path, files);
      return path;
    },
    async layer(name, files, options = {}) {
      const tree = mkdtempSync(join(scratch, 'tree-'));
      execFileSync('chmod', ['0755', tree]);
      writeFiles(tree, files);
      const nanolin = await openNanolin({ root });
      await nanolin.layer.import(tree, { name, version: '1.0', ...options });
      rmSync(tree, { recursive: true });
    },
    profile(name, ...lines) {
      writeFileSync(
        join(root, `etc/nanolin/profiles/${name}.rcp`),
        `${[`PROFILE ${name}`, ...lines].join('\n')}\n`,
      );
    },
    async [Symbol.asyncDispose]() {
      for (const nanolin of opened) await nanolin.close();
      execFileSync('umount', ['--lazy', live]);
      rmSync(scratch, { recursive: true, force: true });
    },
  };
  return world;
}

export function writeFiles(directory: string, files: Files): void {
  mkdirSync(directory, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const whole = join(directory, path);
    mkdirSync(path.endsWith('/') ? whole : dirname(whole), { recursive: true });
    if (!path.endsWith('/')) writeFileSync(whole, content);
  }
}

/** The file's text, or the errno. */
export function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
}

/** Lines of this namespace's mountinfo, without the ids that change from mount to mount. */
export function mountsBelow(path: string): string[] {
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .map(line => line.split(' ').slice(4).join(' '))
    .filter(line => line.startsWith(`${path} `) || line.startsWith(`${path}/`));
}
