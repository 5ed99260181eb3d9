import { rmSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { asNanolinError, type ErrorCode, NanolinError } from '../error/index.ts';
import { type Backend as ChosenBackend, native, readMountinfo } from '../kernel/index.ts';
import type { Context, Staged } from '../state/index.ts';
import { readTarget, type TargetFact, targetFact } from './facts.ts';
import { currentGeneration, stageGeneration } from './history.ts';
import { aboutToGo, holdersOf } from './holders.ts';
import { identified, mayMount } from './in-place.ts';
import { backendOf, isOurs } from './mounted.ts';
import type { Backend, Mounter, MounterFactory, StepOf, Swapped } from './mounter.ts';
import { type Facts, planSwitch, type Step, type SwitchPlan } from './plan.ts';
import { type MountRecord, type Move, ownRecord, type Retired, type RunRecord, runRecord } from './record.ts';
import { recoverSwitch } from './recover.ts';
import { isServed } from './server.ts';
import type { Generation, Holder, LayerRef, LeftOut, Writers } from './types.ts';
import { releaseUppers, upperPlace } from './upper.ts';

export interface ApplyOptions {
  readonly mounter: MounterFactory;
  /** Who is to mount; `standing` is who did what stands now, null where nothing does. */
  readonly backend: (standing: Backend | null) => Promise<ChosenBackend>;
  /** Does the image hold this subtree as a directory (by its manifest)? */
  readonly holds: (layer: LayerRef, from: string) => boolean;
  readonly strict: boolean;
  readonly writers: Writers;
  /** When it fails as well, there is nothing to go back to that was not tried. */
  readonly last?: true;
}

export interface Applied {
  readonly generation: Generation;
  readonly swapped: Swapped;
  readonly ms: {
    readonly plan: number;
    readonly prepare: number;
    readonly swap: number;
    readonly total: number;
  };
  readonly writers: readonly Holder[];
  readonly ways: Readonly<Record<string, string>>;
  /** Mounts that were replaced by this switch. */
  readonly retired: readonly Retired[];
  /** Removes uppers and work directories that nothing uses any more. Until then one can go back without a loss. */
  readonly release: () => void;
}

/** Facts and plan alone: what `plan` prints. */
export async function planFor(
  ctx: Context,
  wanted: Generation,
  options: Omit<ApplyOptions, 'mounter' | 'strict'>,
): Promise<SwitchPlan> {
  return (await planWith(ctx, wanted, ownRecord(ctx), options)).plan;
}

/**
 * Brings the wanted generation up and commits it: facts, plan, execution. Run under the lock, after recovery. When it throws, the
 * old stack stands (or, past the commit point, the new one) and nothing is left half-way.
 */
export async function applyGeneration(
  ctx: Context,
  wanted: Generation,
  options: ApplyOptions,
): Promise<Applied> {
  const started = performance.now();
  const record = ownRecord(ctx);
  const { plan, facts, chosen } = await planWith(ctx, wanted, record, options);
  const planned = performance.now();
  const run = await carryOut(new Run(ctx, wanted, record, facts, chosen, plan, options), plan);
  const { generation, swapped, preparedAt, writers, mounter, retired } = run;
  const ms = {
    plan: planned - started,
    prepare: preparedAt - planned,
    swap: swapped.ms,
    total: performance.now() - started,
  };
  return { generation, swapped, ms, writers, ways: mounter.ways, retired, release: () => run.release() };
}

/** Disposes the run: with its descriptors goes what is left of the old stack. */
async function carryOut(running: Run, plan: SwitchPlan): Promise<Run> {
  using run = running;
  const { ctx, options } = run;
  try {
    for (const step of plan.steps) {
      ctx.at(`switch:${step.do}`);
      await execute(run, step);
    }
    return run;
  } catch (error) {
    run.unstage();
    // What was visible already is finished or taken back; only a swap that failed half-way has to be switched out of.
    if ((await recoverSwitch(ctx))?.apply && !options.last)
      await applyGeneration(ctx, currentGeneration(ctx), { ...options, strict: false, last: true });
    throw error;
  }
}

function execute<K extends Step['do']>(run: Run, step: StepOf<K>): void | Promise<void> {
  return (executors[step.do as K] as Executor<K>)(run, step);
}

type Executor<K extends Step['do']> = (run: Run, step: StepOf<K>) => void | Promise<void>;

const executors: { readonly [K in Step['do']]: Executor<K> } = {
  async attach(run, step) {
    try {
      await run.mounter.attach(step);
    } catch (thrown) {
      const error = asNanolinError(thrown);
      if (run.options.strict || !excusable.has(error.code)) throw error;
      run.leaveOut({ layer: step.layer.name, code: error.code, message: error.message });
    }
  },
  base: (run, step) => run.mounter.base(step),
  assemble: (run, step) => run.mounter.assemble(step, run.generation.number),
  carry: (run, step) => run.mounter.carry(step),
  writers: (run, step) => run.meetWriters(step),
  intend: (run, step) => run.intend(step),
  async swap(run, step) {
    run.preparedAt = performance.now();
    run.swapped = await run.mounter.swap(step, run.moves);
    run.ctx.at('switch:swapped');
  },
  record: run => run.record(),
  async seal(run, step) {
    // A look-up that entered the old stack before it was detached may still be on its way to open a file for writing. RCU walks are
    // waited for; one that holds the mount is given a moment, so that it does not meet EROFS.
    native.membarrierGlobal();
    await setTimeout(20);
    if (!run.mounter.seal(step))
      run.ctx.log.info({ target: step.target }, 'the old stack stays writable for files that are open');
  },
};

/** One bad image never takes the others down; what is wrong with the machine is not an image's fault. */
const excusable = new Set<ErrorCode>([
  'layer-missing',
  'image-changed',
  'image-invalid',
  'image-hostile',
  'unsigned',
  'mount-failed',
  'io',
]);

class Run implements Disposable {
  readonly ctx: Context;
  readonly options: ApplyOptions;
  readonly mounter: Mounter;
  readonly leftOut: LeftOut[];
  generation: Generation;
  moves: Move[] = [];
  swapped: Swapped = { ms: 0, gap: false };
  writers: Holder[] = [];
  retired: readonly Retired[] = [];
  preparedAt = performance.now();
  readonly #before: RunRecord;
  readonly #plan: SwitchPlan;
  readonly #covers: ReadonlyMap<string, TargetFact>;
  #staged: Staged | null = null;

  constructor(
    ctx: Context,
    wanted: Generation,
    before: RunRecord,
    { targets }: Facts,
    chosen: ChosenBackend,
    plan: SwitchPlan,
    options: ApplyOptions,
  ) {
    this.ctx = ctx;
    this.options = options;
    this.mounter = options.mounter(ctx, chosen, target => this.#cover(target));
    this.leftOut = [...wanted.leftOut];
    this.generation = wanted;
    this.#before = before;
    this.#plan = plan;
    this.#covers = targets;
  }

  leaveOut(leftOut: LeftOut): void {
    this.ctx.log.warn(leftOut, 'a layer is left out');
    this.leftOut.push(leftOut);
  }

  async meetWriters(step: StepOf<'writers'>): Promise<void> {
    const cover = this.#cover(step.target);
    if (!cover) return;
    const { mounts } = aboutToGo([cover]);
    const writing = () => holdersOf(mounts, held => held.writing);
    let found = writing();
    const names = () => found.map(writer => `${writer.command} (${writer.pid})`).join(', ');
    if (step.policy === 'refuse' && found.length > 0)
      throw new NanolinError(
        'writers-active',
        `files below ${step.target} are open for writing: ${names()}`,
        'stop them, or switch with --writers report',
      );
    for (
      const end = performance.now() + writersPatience;
      step.policy === 'wait' && found.length > 0;
      found = writing()
    ) {
      if (performance.now() > end)
        throw new NanolinError(
          'writers-active',
          `files below ${step.target} are still open for writing: ${names()}`,
          'stop them, or switch with --writers report',
        );
      await setTimeout(100, undefined, { signal: this.ctx.signal });
    }
    this.writers.push(...found);
  }

  intend(step: StepOf<'intend'>): void {
    this.generation = { ...step.generation, leftOut: this.leftOut };
    this.#staged = stageGeneration(this.ctx, this.generation);
    const swap = this.#plan.steps.find(step => step.do === 'swap');
    this.moves = swap ? this.mounter.moves(swap) : [];
    // Copies in other namespaces are known by their ids, which are read while they are mounted.
    this.retired = aboutToGo(replacedBy(this.moves)).mounts;
    const intent = { to: this.generation, moves: this.moves, kept: this.#plan.kept };
    runRecord(this.ctx).write({ ...this.#before, intent });
    this.ctx.at('switch:intended');
  }

  record(): void {
    using staged = this.#staged ?? stageGeneration(this.ctx, this.generation);
    staged.commit();
    this.#staged = null;
    this.ctx.at('switch:committed');
    const retired = [...this.#before.retired, ...this.retired];
    runRecord(this.ctx).write({ ...this.#before, mounts: this.mounts(), intent: null, retired });
  }

  mounts(): MountRecord[] {
    return [...this.#plan.kept, ...this.moves.flatMap(({ next }) => (next ? [identified(next)] : []))];
  }

  release(): void {
    this.ctx.at('switch:release');
    const replaced = replacedBy(this.moves);
    releaseUppers(this.ctx, this.mounts(), replaced);
    // Who ends by himself takes it along.
    for (const old of replaced) if (old.server && !isServed(old)) rmSync(old.server.socket, { force: true });
  }

  unstage(): void {
    this.#staged?.[Symbol.dispose]();
    this.#staged = null;
  }

  [Symbol.dispose](): void {
    this.unstage();
    this.mounter[Symbol.dispose]();
  }

  #cover(target: string): MountRecord | null {
    return this.#covers.get(target)?.covers[0] ?? null;
  }
}

/** Mounts that go; one that only shows other layers does not. */
export function replacedBy(moves: readonly Move[]): MountRecord[] {
  return moves.flatMap(({ old, inside }) => (old && !inside ? [old] : []));
}

/** Milliseconds that `--writers wait` waits. */
const writersPatience = 30_000;

async function planWith(
  ctx: Context,
  wanted: Generation,
  record: RunRecord,
  options: Omit<ApplyOptions, 'mounter' | 'strict'>,
) {
  const mounts = readMountinfo();
  const targets = new Map<string, TargetFact>();
  for (const { path } of wanted.targets) targets.set(path, readTarget(path, mounts, record.mounts));
  for (const { target } of record.mounts)
    if (!targets.has(target)) targets.set(target, targetFact(target, mounts, record.mounts));
  const standing = record.mounts.find(own => mounts.some(mount => isOurs(mount, own)));
  const chosen = await options.backend(standing ? backendOf(standing) : null);
  const facts: Facts = {
    targets,
    holds: options.holds,
    upper: target => upperPlace(ctx, wanted.writing, wanted.profile ?? 'none', target, wanted.number),
    beneath: !ctx.forced.has('no-beneath') && mayMount(),
    writers: options.writers,
    backend: chosen.backend,
    served: isServed,
  };
  return { plan: planSwitch(facts, wanted), facts, chosen };
}
