import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  AT_FDCWD,
  attachImage,
  MNT_DETACH,
  MOVE_MOUNT_F_EMPTY_PATH,
  native,
  openSubtree,
} from '../../src/kernel/index.ts';
import type { ShutWays } from '../../src/kernel/ways.ts';

/** A directory with a tmpfs on it, so that what a test mounts has a parent of its own; all of it goes with dispose. */
export class Place implements Disposable {
  readonly top = mkdtempSync(join(tmpdir(), 'nanolin-kernel-'));

  constructor() {
    native.mount('place', this.top, 'tmpfs', 0, null);
  }

  path(name: string): string {
    return join(this.top, name);
  }

  directory(name: string): string {
    mkdirSync(this.path(name), { recursive: true });
    return this.path(name);
  }

  /** Relative path to content; a path that ends in `/` is an empty directory. */
  tree(name: string, files: Readonly<Record<string, string>>): string {
    const top = this.directory(name);
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(path.endsWith('/') ? join(top, path) : dirname(join(top, path)), { recursive: true });
      if (!path.endsWith('/')) writeFileSync(join(top, path), content);
    }
    return top;
  }

  image(
    name: string,
    files: Readonly<Record<string, string>>,
    format: 'erofs' | 'squashfs' = 'erofs',
  ): string {
    const tree = this.tree(`${name}.tree`, files);
    const image = this.path(`${name}.img`);
    if (format === 'erofs') execFileSync('mkfs.erofs', [image, tree], { stdio: 'ignore' });
    else execFileSync('mksquashfs', [tree, image, '-quiet', '-no-progress'], { stdio: 'ignore' });
    rmSync(tree, { recursive: true });
    return image;
  }

  [Symbol.dispose](): void {
    native.umount2(this.top, MNT_DETACH);
    rmSync(this.top, { recursive: true });
  }
}

/** The set of ways that are shut, as the functions take it. */
export function shut(...ways: readonly string[]): ShutWays {
  return { has: way => ways.includes(way) };
}

/** The detached mount of an image. */
export function attached(image: string, format: 'erofs' | 'squashfs' = 'erofs'): number {
  const file = openSync(image, 'r');
  try {
    return attachImage(file, format, { forced: shut() }).fd;
  } finally {
    native.close(file);
  }
}

/** A directory of a detached mount, which lives for as long as the mount's own descriptor is open. */
export function directoryOf(mount: number, from: string): number {
  const fd = openSubtree(mount, from);
  if (fd === null) throw new Error(`there is no ${from}`);
  return fd;
}

/** A detached tmpfs with one file, for what needs a mount and not an image. */
export function detached(name: string, content: string): number {
  const context = native.fsopen('tmpfs');
  native.fsconfigCreate(context);
  const fd = native.fsmount(context, 0);
  native.close(context);
  writeFileSync(`/proc/self/fd/${fd}/${name}`, content);
  return fd;
}

export function moveOnto(fd: number, target: string): void {
  native.moveMount(fd, '', AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH);
}

/** Path to content of a whole tree; directories end in `/`. */
export function contents(top: string): Record<string, string> {
  const entries = readdirSync(top, { recursive: true, withFileTypes: true }).map(entry => {
    const path = join(entry.parentPath, entry.name);
    const name = path.slice(top.length + 1);
    return entry.isDirectory() ? [`${name}/`, ''] : [name, readFileSync(path, 'utf8')];
  });
  return Object.fromEntries(entries.sort());
}

export function descriptors(): string[] {
  return readdirSync('/proc/self/fd');
}

/** What `work` throws; a test fails when it throws nothing. */
// biome-ignore lint/suspicious/noExplicitAny: the tests look at properties of any error
export function thrownBy(work: () => unknown): any {
  try {
    work();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
}

/** Backing files of all loop devices in use. */
export function loopFiles(): string[] {
  return readdirSync('/sys/block').flatMap(name => {
    try {
      return [readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim()];
    } catch {
      return [];
    }
  });
}
