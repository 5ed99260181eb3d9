import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { NanolinError } from '../error/index.ts';
import { attachImage } from './attach.ts';
import { type Backend, chooseBackend } from './backend.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  MOVE_MOUNT_BENEATH,
  MOVE_MOUNT_F_EMPTY_PATH,
  O_DIRECTORY,
  O_RDWR,
  O_TMPFILE,
} from './constants.ts';
import { Descriptor } from './descriptor.ts';
import { openEmpty } from './empty.ts';
import { fuseProblem } from './fuse.ts';
import { imageReader } from './image-readers.ts';
import { native } from './native.ts';
import { assembleOverlay } from './overlay.ts';
import { findProgram, probePrograms } from './programs.ts';
import { isSysError, saidAny } from './refusal.ts';
import { inScratch } from './scratch.ts';
import { ScratchLayers } from './scratch-layers.ts';
import { TINY_CONTENT, tinyImage } from './tiny-images.ts';
import type { Probe } from './types.ts';
import { closedNamespaces, everyIdMapped } from './user-namespaces.ts';

interface Answer {
  readonly way: string;
  readonly remedy?: string;
}

interface Rival {
  /** Do unions in user space work? */
  readonly fuse: boolean;
}

interface Question {
  readonly what: string;
  /** `rival`: what a user has who may not mount here. */
  readonly ask: (rival: Rival) => Answer | Promise<Answer>;
  /** For when the answer is an error. */
  readonly remedy: string;
  /** Nothing else depends on it. */
  readonly optional?: true;
}

const asRoot = 'run as root; a container needs CAP_SYS_ADMIN';

const questions: readonly Question[] = [
  { what: 'right to mount', ask: rights, remedy: asRoot },
  {
    what: 'mount calls by descriptor',
    ask: mountCalls,
    remedy: 'use Linux 5.2 or later; a container has to allow fsopen',
  },
  {
    what: 'erofs images',
    ask: rival => images('erofs', rival),
    remedy: 'use a kernel with EROFS (modprobe erofs), or import with --format squashfs',
  },
  {
    what: 'squashfs images',
    ask: rival => images('squashfs', rival),
    remedy: 'use a kernel with SquashFS and loop devices (modprobe squashfs loop)',
  },
  { what: 'overlay', ask: overlay, remedy: 'use a kernel with overlayfs (modprobe overlay)' },
  { what: 'mount beneath', ask: beneath, remedy: 'use Linux 6.5 or later' },
  { what: 'mount ids', ask: mountIds, remedy: 'use Linux 5.8 or later' },
  {
    what: 'unprivileged user namespaces',
    ask: userNamespaces,
    remedy: `allow them: ${closedNamespaces() ?? 'the container has to'}`,
    optional: true,
  },
  {
    what: 'fs-verity',
    ask: verity,
    remedy: 'use a kernel with FS_VERITY and ext4, f2fs or btrfs',
    optional: true,
  },
];

/** Asks the running kernel by doing each thing, in a scratch namespace, with images of 4 KB; nothing is left behind. */
export async function probeKernel(): Promise<Probe[]> {
  const problem = await fuseProblem();
  const rival = { fuse: problem === null };
  const answers: Probe[] = [];
  for (const question of questions) answers.push(await answered(question, rival));
  return [await backend(), ...answers, unions(problem), ...probePrograms()];
}

async function backend(): Promise<Probe> {
  const what = 'who mounts stacks';
  const words: Record<Backend['backend'], string> = { kernel: 'the kernel', fuse: 'FUSE' };
  try {
    const { backend, why } = await chooseBackend('auto');
    return { what, ok: true, way: `${words[backend]}: ${why}`, remedy: null };
  } catch (error) {
    if (!(error instanceof NanolinError)) throw error;
    return { what, ok: false, way: 'nobody', remedy: error.hint ?? asRoot };
  }
}

function unions(problem: NanolinError | null): Probe {
  const what = 'unions in user space';
  if (problem === null) return { what, ok: true, way: 'FUSE mounts', remedy: null };
  return { what, ok: true, way: `no: ${problem.message}`, remedy: problem.hint ?? null };
}

/** What only who may mount needs is no lack where FUSE does without. */
async function answered({ what, ask, remedy, optional }: Question, rival: Rival): Promise<Probe> {
  try {
    const answer = await ask(rival);
    return { what, ok: true, way: answer.way, remedy: answer.remedy ?? null };
  } catch (error) {
    const lacking = lacksRights(error);
    if (lacking && rival.fuse)
      return { what, ok: true, way: 'not for this user, and not needed', remedy: null };
    return { what, ok: optional === true, way: `no: ${words(error)}`, remedy: lacking ? asRoot : remedy };
  }
}

/** Then the kernel said nothing about what it can do. */
function lacksRights(error: unknown): boolean {
  return [error, (error as { cause?: unknown })?.cause].some(each => saidAny(each, 'EPERM', 'EACCES'));
}

function words(error: unknown): string {
  if (isSysError(error)) return error.message;
  return error instanceof Error ? error.message : String(error);
}

function rights(): Answer {
  inScratch(() => {});
  return { way: 'mount namespaces and mounts are allowed' };
}

function mountCalls(): Answer {
  native.close(openEmpty());
  return { way: 'fsopen, fsconfig, fsmount, move_mount' };
}

function images(format: 'erofs' | 'squashfs', rival: Rival): Answer {
  try {
    const way = attachTiny(format);
    if (way === 'file-backed') return { way: 'file-backed (no loop device)' };
    const remedy = 'use Linux 6.12 or later, and keep images on a disk file system';
    return { way: 'through a loop device', ...(format === 'erofs' && { remedy }) };
  } catch (error) {
    if (!(error instanceof NanolinError) || !/^needs-(?:rights|kernel)$/.test(error.code)) throw error;
    return withoutMounting(format, rival) ?? fail(error);
  }
}

const fail = (error: unknown): never => {
  throw error;
};

/** The other ways of `attachLayer`. */
function withoutMounting(format: 'erofs' | 'squashfs', { fuse }: Rival): Answer | null {
  const { reader, path } = imageReader(format);
  if (fuse && path !== null) return { way: `read by ${path}` };
  const extractor = format === 'erofs' ? 'fsck.erofs' : 'unsquashfs';
  if (findProgram(extractor) === null) return null;
  const since = format === 'erofs' ? ' (Debian 13), or import with --format squashfs' : '';
  return {
    way: 'extracted: your own files, no setuid, no capabilities',
    remedy: fuse
      ? `to read them in place: apt-get install ${reader}${since}`
      : 'FUSE reads them in place, see below',
  };
}

/** The image has no name, so that it is gone with its descriptor. Memory is tried last: erofs reads no file there. */
function attachTiny(format: 'erofs' | 'squashfs'): 'file-backed' | 'loop' {
  using image = unnamedFile(['/var/lib', '/var/tmp', tmpdir(), '/dev/shm']);
  writeSync(image.fd, tinyImage(format));
  const { fd, way } = attachImage(image.fd, format, { forced: new Set<never>() });
  using mount = new Descriptor(fd);
  if (readFileSync(`/proc/self/fd/${mount.fd}/nanolin`, 'utf8') !== TINY_CONTENT)
    throw new Error('the mounted image shows something else than it holds');
  return way;
}

function unnamedFile(folders: readonly string[]): Descriptor {
  for (const folder of folders) {
    try {
      return new Descriptor(native.openat2(AT_FDCWD, folder, O_TMPFILE | O_RDWR, 0o400, 0));
    } catch (error) {
      if (!saidAny(error, 'ENOENT', 'EROFS', 'EOPNOTSUPP', 'EACCES', 'ENOSPC', 'EISDIR')) throw error;
    }
  }
  throw new Error(`no temporary file can be made in ${folders.join(', ')}`);
}

function overlay(): Answer {
  using top = new Descriptor(openEmpty());
  using bottom = new Descriptor(openEmpty());
  const lowers = [top.fd, bottom.fd];
  const { fd, ways } = assembleOverlay({
    lowers,
    source: 'nanolin-probe',
    nosuid: true,
    forced: new Set<never>(),
  });
  native.close(fd);
  if (ways.layers === 'detached') return { way: 'detached layers, named by descriptor' };
  const remedy = 'use Linux 6.15 or later: layers need not be mounted first';
  return { way: `layers in a scratch namespace, named by ${ways.lowerdir}`, remedy };
}

function beneath(): Answer {
  using layers = new ScratchLayers();
  using above = new Descriptor(openEmpty());
  using below = new Descriptor(openEmpty());
  const target = layers.place(above.fd);
  try {
    native.moveMount(
      below.fd,
      '',
      AT_FDCWD,
      target,
      MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_BENEATH,
      layers.scratch,
    );
    return { way: 'a stack is replaced without a gap' };
  } catch (error) {
    if (!saidAny(error, 'EINVAL')) throw error;
    return {
      way: 'a stack is taken off, then the next one mounted: with a gap',
      remedy: 'use Linux 6.5 or later',
    };
  }
}

function mountIds(): Answer {
  using root = new Descriptor(native.openat2(AT_FDCWD, '/', O_DIRECTORY, 0, 0));
  if (native.statxMount(root.fd, '', AT_EMPTY_PATH).unique !== null)
    return { way: 'unique, never used again' };
  return { way: 'used again after an unmount', remedy: 'use Linux 6.8 or later' };
}

/** As nobody where we are root: root is allowed what a user may not be. */
function userNamespaces(): Answer {
  const who = process.getuid?.() === 0 && everyIdMapped() ? { uid: 65534, gid: 65534 } : {};
  const { status, stderr, error } = spawnSync('unshare', ['--user', '--map-root-user', '/bin/true'], {
    ...who,
    encoding: 'utf8',
    timeout: 5000,
    cwd: '/',
  });
  if (status !== 0) throw error ?? new Error(stderr.trim().split('\n')[0] ?? 'unshare failed');
  return { way: 'allowed' };
}

function verity(): Answer {
  const known = ['ext4', 'f2fs', 'btrfs'].filter(type => existsSync(`/sys/fs/${type}/features/verity`));
  if (known.length === 0) throw new Error('no file system here knows it');
  return { way: `known to ${known.join(', ')}` };
}
