import { NanolinError } from '../error/index.ts';
import {
  AT_FDCWD,
  AT_RECURSIVE,
  FSPICK_CLOEXEC,
  FSPICK_EMPTY_PATH,
  type LoopStep,
  MOVE_MOUNT_F_EMPTY_PATH,
  native,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLONE,
  openNestedInBase,
  type SysError,
  saidAny,
} from '../kernel/index.ts';
import type { Log } from '../state/index.ts';
import type { Covering, StepOf, Swapped } from './mounter.ts';
import type { MountRecord, Move } from './record.ts';

interface Ready {
  /** A detached mount. */
  readonly fd: number;
  readonly record: MountRecord;
}

interface Nested {
  readonly fd: number;
  readonly target: string;
  readonly mountPoint: string;
}

/** Detached stacks and how they take the places of those in use, whoever serves either. */
export class Placement implements Disposable {
  /** How a stack came to its place; null where none was replaced. */
  way: string | null = null;
  readonly #covering: Covering;
  readonly #log: Log;
  readonly #fds: number[] = [];
  readonly #ready = new Map<string, Ready>();
  /** Clones of nested mounts that the kernel would not put into a detached tree, and those that go back to a bare base. */
  readonly #late: Nested[] = [];
  readonly #oldRoots = new Map<string, number>();

  constructor(covering: Covering, log: Log) {
    this.#covering = covering;
    this.#log = log;
  }

  /** The descriptor is the caller's, and has to live as long. */
  add(target: string, ready: Ready): void {
    this.#ready.set(target, ready);
  }

  carry(step: StepOf<'carry'>): void {
    const clone = this.#cloneOf(step);
    if (clone === null) return;
    this.#fds.push(clone);
    const next = this.#ready.get(step.target);
    const late = { fd: clone, target: step.target, mountPoint: step.mountPoint };
    if (!next) {
      this.#late.push(late);
      return;
    }
    try {
      moveInto(clone, next.fd, step);
    } catch (error) {
      // Linux before 6.15 mounts nothing into a detached tree: it is done when the stack is in place, still covered.
      if (!saidAny(error, 'EINVAL')) throw error;
      this.#late.push(late);
    }
  }

  moves(step: StepOf<'swap'>): Move[] {
    return step.moves.flatMap(({ target, how }) => {
      const old = this.#covering(target);
      const next = this.#ready.get(target)?.record ?? null;
      if (how === 'inside' || (old === null && next === null)) return [];
      if (old) {
        const root = native.openat2(AT_FDCWD, target, O_PATH | O_DIRECTORY, 0, 0);
        this.#fds.push(root);
        this.#oldRoots.set(target, root);
      }
      return [{ target, old, next }];
    });
  }

  /**
   * All beneath, then `commit`, then all detached in one loop of C. A target under which the kernel will not mount (EINVAL) is detached
   * and mounted over instead, with a gap. Throws as soon as something else fails: recovery looks at what is mounted and finishes or
   * undoes it.
   */
  async swap(step: StepOf<'swap'>, moves: readonly Move[], commit?: () => Promise<void>): Promise<Swapped> {
    const refused = new Set(step.moves.filter(move => move.how === 'after').map(move => move.target));
    const replaced = moves.filter(move => move.old && move.next);
    this.#placeBeneath(replaced, refused);
    const late = this.#late.filter(({ target }) =>
      replaced.some(move => move.target === target && !refused.has(target)),
    );
    for (const nested of late) moveInto(nested.fd, this.#fdOf(nested.target), nested);
    const began = performance.now();
    await commit?.();
    const times = native.runLoop(moves.flatMap(move => this.#visible(move, refused.has(move.target))));
    const uncovered = this.#late.filter(nested => !late.includes(nested));
    for (const nested of uncovered)
      native.moveMount(nested.fd, '', AT_FDCWD, nested.mountPoint, MOVE_MOUNT_F_EMPTY_PATH);
    if (replaced.length > 0) this.way = refused.size === 0 ? 'beneath' : 'detach, then mount';
    const gap = refused.size > 0 || uncovered.length > 0;
    if (commit) return { ms: performance.now() - began, gap };
    return { ms: Number((times.at(-1) ?? 0n) - (times[0] ?? 0n)) / 1e6, gap };
  }

  seal(step: StepOf<'seal'>): boolean {
    const root = this.#oldRoots.get(step.target);
    if (root === undefined) return true;
    const picked = native.fspick(root, '', FSPICK_EMPTY_PATH | FSPICK_CLOEXEC);
    try {
      native.fsconfigFlag(picked, 'ro');
      native.fsconfigReconfigure(picked);
      return true;
    } catch (error) {
      if (saidAny(error, 'EBUSY')) return false;
      throw error;
    } finally {
      native.close(picked);
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.splice(0)) native.close(fd);
  }

  /** Nobody walks through a stack that nobody serves. What was there before it is in the base still; what was not is lost with it. */
  #cloneOf({ target, mountPoint, covers }: StepOf<'carry'>): number | null {
    try {
      return native.openTree(AT_FDCWD, mountPoint, OPEN_TREE_CLONE | AT_RECURSIVE);
    } catch (error) {
      if (!saidAny(error, 'ENOTCONN')) throw error;
    }
    const inBase = openNestedInBase(target, covers, mountPoint);
    if (inBase === null)
      this.#log.warn({ mountPoint }, 'what was mounted there is lost with the stack that nobody serves');
    return inBase;
  }

  /** Adds to `refused` those under which the kernel does not mount. */
  #placeBeneath(replaced: readonly Move[], refused: Set<string>): void {
    let waiting = replaced.filter(move => !refused.has(move.target));
    while (waiting.length > 0)
      try {
        native.runLoop(waiting.map(move => this.#place('beneath', move)));
        return;
      } catch (error) {
        const { index, code } = error as SysError;
        const move = index === undefined ? undefined : waiting[index];
        if (move === undefined || index === undefined || code !== 'EINVAL') throw error;
        refused.add(move.target);
        waiting = waiting.slice(index + 1);
      }
  }

  #fdOf(target: string): number {
    const ready = this.#ready.get(target);
    if (!ready) throw new Error(`nothing was assembled for ${target}`);
    return ready.fd;
  }

  #place(how: 'beneath' | 'onto', move: Move): LoopStep {
    return { do: how, fd: this.#fdOf(move.target), target: move.target };
  }

  #visible(move: Move, refused: boolean): LoopStep[] {
    const detach: LoopStep[] = move.old
      ? [{ do: 'detach', target: move.target, expect: move.old.identity }]
      : [];
    const onto = move.next && (refused || !move.old) ? [this.#place('onto', move)] : [];
    return [...detach, ...onto];
  }
}

function moveInto(clone: number, root: number, nested: { target: string; mountPoint: string }): void {
  const inside = nested.mountPoint.slice(nested.target.length + 1);
  try {
    native.moveMount(clone, '', root, inside, MOVE_MOUNT_F_EMPTY_PATH);
  } catch (error) {
    if (!saidAny(error, 'ENOENT', 'ENOTDIR')) throw error;
    throw noDirectoryFor(nested.mountPoint, inside);
  }
}

/** What is mounted in a stack has to have its place in the next one. */
export function noDirectoryFor(mountPoint: string, inside: string): NanolinError {
  return new NanolinError(
    'conflict',
    `something is mounted on ${mountPoint}, and the next stack has no such directory`,
    `unmount it first, or add a layer that has ${inside}`,
  );
}
