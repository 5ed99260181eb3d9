import { resolve } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { dropAbandoned } from './copy-up.ts';
import { openTree } from './layers.ts';
import type { Lower, Prepared } from './lowers.ts';
import { mountOf, unmount } from './mounted.ts';
import { fuseNative, union } from './native.ts';
import type { UnionOptions } from './options.ts';
import { handlerFor } from './requests.ts';
import { LIFETIME, setSlot } from './slots.ts';

export interface Served {
  /** Takes the mount off; with files open in it, it is out of sight at once and ends with the last of them. */
  readonly unmount: () => void;
  /** When the mount is gone and the last file in it is closed. */
  readonly ended: Promise<void>;
  /** The generation that is shown. */
  readonly generation: number;
  /** Gets ready to show other lowers, topmost first, whose descriptors are taken over. The upper stays. */
  prepare(lowers: readonly Lower[], generation: number): Promise<Prepared>;
  /** What is open, mapped or used in some other way and not shown any more, each with the last generation that showed it. */
  held(): readonly { readonly inode: bigint; readonly generation: number }[];
}

/** Only this mount changes what it shows, so the kernel may keep names and attributes; it drops what goes through it. */
const LIFETIME_SECONDS = 3600;
const INIT = 26;
const END = 0;
/** Between two looks for what nobody needs any more. */
const IDLE_MS = 1500;
/** How long the kernel may take to answer a mount. */
const READY_MS = 10_000;

/**
 * Mounts a union on a directory and serves it from this process, which has to live as long as the mount. Resolves when the mount is
 * usable; one union a process. `stack` gives lowers by descriptor, below those of the options.
 */
export async function serveUnion(
  options: UnionOptions,
  target: string,
  source: string,
  log: (error: unknown) => void,
  stack: { readonly lowers: readonly Lower[]; readonly generation: number } = { lowers: [], generation: 0 },
): Promise<Served> {
  const Fuse = fuseNative();
  const { tree, lowers, space } = openTree(options, stack.lowers, stack.generation);
  const answer = handlerFor(tree, log);
  setSlot(LIFETIME, LIFETIME_SECONDS);
  let ready = () => {};
  let end = () => {};
  const usable = new Promise<void>(done => {
    ready = done;
  });
  const ended = new Promise<void>(done => {
    end = done;
  });
  union.serve((opcode, node, first, second) => {
    if (opcode === INIT) ready();
    else if (opcode === END) end();
    else return answer(opcode, node, first, second);
    return 0;
  }, space);

  const mount = new Fuse(resolve(target), {}, mountOptions(options, source));
  const failed = new Promise<never>((_, reject) => {
    const late = setTimeout(
      () => reject(new NanolinError('mount-failed', `the union on ${target} does not answer`)),
      READY_MS,
    );
    usable.then(() => clearTimeout(late));
    // It calls back with success only from its own loop, which ours has replaced.
    mount.mount(error => error && reject(refused(error, target)));
  });
  await Promise.race([usable, failed]);
  const tidy = setInterval(() => {
    union.closeUnused();
    union.answerDying();
    dropAbandoned(tree);
  }, IDLE_MS);
  ended.then(() => clearInterval(tidy));
  const mounted = mountOf(target);
  return {
    ended,
    unmount: () => mounted !== null && unmount(target, mounted),
    get generation() {
      return lowers.generation;
    },
    prepare: (next, generation) => lowers.prepare(tree, next, generation),
    held: () => lowers.held(tree),
  };
}

function refused(cause: Error, target: string): NanolinError {
  if (/in use/.test(cause.message))
    return new NanolinError('target-invalid', `${target} is a mount point already`, 'unmount it first');
  return new NanolinError('mount-failed', `fuse does not mount on ${target}: ${cause.message}`, undefined, {
    cause,
  });
}

/** fuse-native names few options; the rest rides along with one that it does. libfuse takes setuid and devices away by default. */
function mountOptions({ mount, readOnly }: UnionOptions, source: string): Record<string, unknown> {
  const root = process.getuid?.() === 0;
  const privileged = root ? ['suid', 'dev'].filter(option => !mount.includes(`no${option}`)) : [];
  const riding = ['nonempty', ...privileged, ...mount, ...(readOnly ? ['ro'] : [])];
  return {
    fsname: [source.replace(/[\\,]/g, '\\$&'), ...riding].join(','),
    subtype: 'nanolin',
    allowOther: root,
    defaultPermissions: true,
  };
}
