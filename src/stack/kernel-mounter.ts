import { randomBytes } from 'node:crypto';
import { NanolinError } from '../error/index.ts';
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  AT_RECURSIVE,
  assembleOverlay,
  attachImage,
  FSPICK_CLOEXEC,
  FSPICK_EMPTY_PATH,
  type LoopStep,
  MOVE_MOUNT_F_EMPTY_PATH,
  native,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLONE,
  openBase,
  openEmpty,
  openSubtree,
  ScratchLayers,
  type SysError,
} from '../kernel/index.ts';
import { openVerifiedSync, sameIdentity } from '../layer/index.ts';
import type { Context } from '../state/index.ts';
import type { Mounter, StepOf, Swapped } from './mounter.ts';
import { stackKey } from './plan.ts';
import type { MountRecord, Move } from './record.ts';
import type { LayerRef } from './types.ts';
import { prepareUpper } from './upper.ts';

interface Assembled {
  readonly fd: number;
  readonly record: MountRecord;
}

/**
 * Kernel overlayfs. Everything up to `swap` is detached: images, overlay and carried mounts are reachable through descriptors of
 * this process alone, so a kill drops them all (KERNEL: detached mounts).
 */
export class KernelMounter implements Mounter {
  readonly backend = 'kernel';
  readonly ways: Record<string, string> = {};
  readonly #ctx: Context;
  readonly #fds: number[] = [];
  readonly #images = new Map<string, number>();
  readonly #bases = new Map<string, number>();
  readonly #assembled = new Map<string, Assembled>();
  /** Clones of nested mounts that the kernel would not put into a detached tree, and those that go back to a bare base. */
  readonly #late: { fd: number; target: string; mountPoint: string }[] = [];
  /** Shared by all targets: before Linux 6.15 a detached image can be placed once only. */
  readonly #scratchLayers = new ScratchLayers();
  readonly #oldRoots = new Map<string, number>();

  constructor(ctx: Context) {
    this.#ctx = ctx;
  }

  attach(step: StepOf<'attach'>): void {
    using image = openVerifiedSync(this.#ctx, step.layer);
    const { fd, way } = attachImage(image.fd, image.format, { forced: this.#ctx.forced });
    this.#keep(fd);
    if (!sameIdentity(image.fd, image.identity))
      throw new NanolinError(
        'image-changed',
        `the image of ${step.layer.name} was written to while it was mounted`,
        `import it again: ${step.layer.image}`,
      );
    this.ways.attach =
      this.ways.attach === undefined || this.ways.attach === way ? way : 'file-backed and loop';
    this.#images.set(step.layer.image, fd);
  }

  base(step: StepOf<'base'>): void {
    this.#bases.set(step.target, this.#keep(openBase(step.target, step.covers)));
  }

  assemble(step: StepOf<'assemble'>, generation: number): void {
    const lowers: number[] = [];
    const present: LayerRef[] = [];
    for (const layer of step.lowers) {
      const image = this.#images.get(layer.image);
      const subtree = image === undefined ? null : openSubtree(image, step.from);
      if (subtree === null) continue;
      lowers.push(this.#keep(subtree));
      present.push(layer);
    }
    if (lowers.length === 0 && step.upper === null) return;
    const base = this.#bases.get(step.target);
    if (base !== undefined) lowers.push(base);
    // The kernel takes no overlay of one lower and no upper; an empty one below it keeps every stack an overlay with our mark.
    if (lowers.length === 1 && step.upper === null) lowers.push(this.#keep(openEmpty()));
    if (step.upper) prepareUpper(step.upper, `/proc/self/fd/${lowers[0]}`);

    const source = `nanolin-${generation}-${randomBytes(6).toString('hex')}`;
    const { fd, ways } = assembleOverlay({
      lowers,
      source,
      ...(step.upper ? { upper: step.upper } : {}),
      nosuid: step.nosuid,
      forced: this.#ctx.forced,
      scratchLayers: this.#scratchLayers,
    });
    this.#keep(fd);
    Object.assign(this.ways, ways);
    this.#assembled.set(step.target, {
      fd,
      record: {
        target: step.target,
        identity: native.statxMount(fd, '', AT_EMPTY_PATH),
        type: 'overlay',
        source,
        key: stackKey(present, { base: step.base ? 'keep' : 'none', from: step.from }, step.upper),
        generation,
        upper: step.upper?.upper ?? null,
      },
    });
  }

  carry(step: StepOf<'carry'>): void {
    const clone = this.#keep(native.openTree(AT_FDCWD, step.mountPoint, OPEN_TREE_CLONE | AT_RECURSIVE));
    const next = this.#assembled.get(step.target);
    const late = { fd: clone, target: step.target, mountPoint: step.mountPoint };
    if (!next) {
      this.#late.push(late);
      return;
    }
    try {
      this.#moveInto(clone, next.fd, step);
    } catch (error) {
      // Linux before 6.15 mounts nothing into a detached tree: it is done when the stack is in place, still covered.
      if ((error as SysError).code !== 'EINVAL') throw error;
      this.#late.push(late);
    }
  }

  moves(step: StepOf<'swap'>, covers: (target: string) => MountRecord | null): Move[] {
    return step.moves.flatMap(({ target }) => {
      const old = covers(target);
      const next = this.#assembled.get(target)?.record ?? null;
      if (old === null && next === null) return [];
      if (old)
        this.#oldRoots.set(target, this.#keep(native.openat2(AT_FDCWD, target, O_PATH | O_DIRECTORY, 0, 0)));
      return [{ target, old, next }];
    });
  }

  /**
   * All beneath, then all detached, in one loop of C. A target under which the kernel will not mount (EINVAL) is detached and mounted
   * over instead, with a gap. Throws as soon as something else fails: recovery looks at what is mounted and finishes or undoes it.
   */
  swap(step: StepOf<'swap'>, moves: readonly Move[]): Swapped {
    const refused = new Set(step.moves.filter(move => move.how === 'after').map(move => move.target));
    const replaced = moves.filter(move => move.old && move.next);
    let waiting = replaced.filter(move => !refused.has(move.target));
    for (;;) {
      const place = waiting.map(move => this.#place('beneath', move));
      const visible = moves.flatMap(move => this.#visible(move, refused.has(move.target)));
      const late = this.#late.filter(({ target }) =>
        replaced.some(move => move.target === target && !refused.has(target)),
      );
      try {
        let times: bigint[];
        if (late.length === 0) times = native.runLoop([...place, ...visible]).slice(place.length);
        else {
          native.runLoop(place);
          for (const nested of late) this.#moveInto(nested.fd, this.#fdOf(nested.target), nested);
          times = native.runLoop(visible);
        }
        const uncovered = this.#late.filter(nested => !late.includes(nested));
        for (const nested of uncovered)
          native.moveMount(nested.fd, '', AT_FDCWD, nested.mountPoint, MOVE_MOUNT_F_EMPTY_PATH);
        if (replaced.length > 0) this.ways.place = refused.size === 0 ? 'beneath' : 'detach, then mount';
        return {
          ms: Number((times.at(-1) ?? 0n) - (times[0] ?? 0n)) / 1e6,
          gap: refused.size > 0 || uncovered.length > 0,
        };
      } catch (error) {
        const { index, code } = error as SysError;
        const move = index === undefined ? undefined : waiting[index];
        if (move === undefined || index === undefined || code !== 'EINVAL') throw error;
        refused.add(move.target);
        waiting = waiting.slice(index + 1);
      }
    }
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
      if ((error as SysError).code === 'EBUSY') return false;
      throw error;
    } finally {
      native.close(picked);
    }
  }

  [Symbol.dispose](): void {
    for (const fd of this.#fds.splice(0)) native.close(fd);
    this.#scratchLayers[Symbol.dispose]();
  }

  #keep(fd: number): number {
    this.#fds.push(fd);
    return fd;
  }

  #fdOf(target: string): number {
    const assembled = this.#assembled.get(target);
    if (!assembled) throw new Error(`nothing was assembled for ${target}`);
    return assembled.fd;
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

  #moveInto(clone: number, root: number, nested: { target: string; mountPoint: string }): void {
    const inside = nested.mountPoint.slice(nested.target.length + 1);
    try {
      native.moveMount(clone, '', root, inside, MOVE_MOUNT_F_EMPTY_PATH);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes((error as SysError).code)) throw error;
      throw new NanolinError(
        'conflict',
        `something is mounted on ${nested.mountPoint}, and the next stack has no such directory`,
        `unmount it first, or add a layer that has ${inside}`,
      );
    }
  }
}
