import { AT_EMPTY_PATH, assembleOverlay, native, ScratchLayers } from '../kernel/index.ts';
import type { Context } from '../state/index.ts';
import { sourceOf } from './mounted.ts';
import type { Covering, Mounter, StepOf, Swapped } from './mounter.ts';
import { Parts } from './parts.ts';
import { Placement } from './placement.ts';
import { stackKey } from './plan.ts';
import type { Move } from './record.ts';
import { prepareUpper } from './upper.ts';

/**
 * Kernel overlayfs. Everything up to `swap` is detached: images, overlay and carried mounts are reachable through descriptors of
 * this process alone, so a kill drops them all (KERNEL: detached mounts).
 */
export class KernelMounter implements Mounter {
  readonly backend = 'kernel';
  readonly #ctx: Context;
  readonly #parts: Parts;
  readonly #placement: Placement;
  #overlayWays: Readonly<Record<string, string>> = {};
  /** Shared by all targets: before Linux 6.15 a detached image can be placed once only. */
  readonly #scratchLayers = new ScratchLayers();

  readonly #options: readonly string[];

  /** `userxattr`: the marks of the upper are user.overlay.*. */
  constructor(ctx: Context, covering: Covering, { userxattr }: { readonly userxattr: boolean }) {
    this.#ctx = ctx;
    this.#options = userxattr ? ['userxattr'] : [];
    this.#parts = new Parts(ctx, covering);
    this.#placement = new Placement(covering, ctx.log);
  }

  get ways(): Readonly<Record<string, string>> {
    const { way } = this.#placement;
    return { ...this.#parts.ways, ...this.#overlayWays, ...(way !== null && { place: way }) };
  }

  attach(step: StepOf<'attach'>): Promise<void> {
    return this.#parts.attach(step);
  }

  base(step: StepOf<'base'>): void {
    this.#parts.base(step);
  }

  assemble(step: StepOf<'assemble'>, generation: number): void {
    const parts = this.#parts.lowersOf(step);
    if (parts === null) return;
    const lowers = parts.lowers.map(({ fd }) => fd);
    // The kernel takes no overlay of one lower and no upper; an empty one below it keeps every stack an overlay with our mark.
    if (lowers.length === 1 && step.upper === null) lowers.push(this.#parts.empty().fd);
    if (step.upper) prepareUpper(step.upper, `/proc/self/fd/${lowers[0]}`);

    const source = sourceOf(generation);
    const { fd, ways } = assembleOverlay({
      lowers,
      source,
      ...(step.upper ? { upper: step.upper } : {}),
      nosuid: step.nosuid,
      options: this.#options,
      forced: this.#ctx.forced,
      scratchLayers: this.#scratchLayers,
    });
    this.#parts.keep(fd);
    this.#overlayWays = { ...this.#overlayWays, ...ways };
    this.#placement.add(step.target, {
      fd,
      record: {
        target: step.target,
        identity: native.statxMount(fd, '', AT_EMPTY_PATH),
        type: 'overlay',
        source,
        key: stackKey(parts.present, { base: step.base ? 'keep' : 'none', from: step.from }, step.upper),
        generation,
        upper: step.upper?.upper ?? null,
      },
    });
  }

  carry(step: StepOf<'carry'>): void {
    this.#placement.carry(step);
  }

  moves(step: StepOf<'swap'>): Move[] {
    return this.#placement.moves(step);
  }

  swap(step: StepOf<'swap'>, moves: readonly Move[]): Promise<Swapped> {
    return this.#placement.swap(step, moves);
  }

  seal(step: StepOf<'seal'>): boolean {
    return this.#placement.seal(step);
  }

  [Symbol.dispose](): void {
    this.#placement[Symbol.dispose]();
    this.#parts[Symbol.dispose]();
    this.#scratchLayers[Symbol.dispose]();
  }
}
