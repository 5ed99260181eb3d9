import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { ControlLine, LOWERS_MAX, type LowerRequest, startServer } from '../fuse/index.ts';
import { AT_EMPTY_PATH, AT_FDCWD, native, O_DIRECTORY, O_PATH, openSubtree } from '../kernel/index.ts';
import type { Context } from '../state/index.ts';
import { baseOf, mayMount, takeOff } from './in-place.ts';
import { sourceOf, typeOfBackend } from './mounted.ts';
import type { Covering, Mounter, StepOf, Swapped } from './mounter.ts';
import { type Lower, Parts } from './parts.ts';
import { noDirectoryFor, Placement } from './placement.ts';
import { stackKey } from './plan.ts';
import type { MountRecord, Move, ServerRecord } from './record.ts';
import { startOf } from './server.ts';
import type { LayerRef } from './types.ts';
import { prepareUpper } from './upper.ts';

/** A union that is running and has the next layers ready. */
interface Waiting {
  readonly line: ControlLine;
  readonly old: MountRecord;
  readonly next: MountRecord;
  readonly lowers: readonly Lower[];
}

/**
 * Unions in user space, a process each. A new one makes its mount detached, and from there on it is placed as the kernel's are; one that
 * is there already is told the next layers, and the mount stays. The processes drop what they were told when this one ends before `swap`.
 */
export class FuseMounter implements Mounter {
  readonly backend = 'fuse';
  readonly #ctx: Context;
  readonly #program: readonly string[];
  readonly #userxattr: boolean;
  readonly #covering: Covering;
  readonly #parts: Parts;
  readonly #placement: Placement;
  readonly #lines: ControlLine[] = [];
  readonly #waiting = new Map<string, Waiting>();
  /** New unions that are mounted where they will be seen, because we may not mount. */
  readonly #inPlace = new Map<string, { readonly line: ControlLine; readonly record: MountRecord }>();
  #swapped = false;

  /** `program`: the command that runs nanolin. `userxattr`: the marks of the upper are user.overlay.*. */
  constructor(
    ctx: Context,
    covering: Covering,
    { program, userxattr }: { readonly program: readonly string[]; readonly userxattr: boolean },
  ) {
    this.#ctx = ctx;
    this.#program = program;
    this.#userxattr = userxattr;
    this.#covering = covering;
    this.#parts = new Parts(ctx, covering);
    this.#placement = new Placement(covering, ctx.log);
  }

  get ways(): Readonly<Record<string, string>> {
    const way = this.#swapped && this.#waiting.size > 0 ? 'inside' : null;
    const place = [...new Set([way, this.#placement.way])].filter(each => each !== null).join(' and ');
    return { ...this.#parts.ways, ...(place !== '' && { place }) };
  }

  attach(step: StepOf<'attach'>): Promise<void> {
    return this.#parts.attach(step);
  }

  base(step: StepOf<'base'>): void {
    this.#parts.base(step);
  }

  async assemble(step: StepOf<'assemble'>, generation: number): Promise<void> {
    const parts = this.#parts.lowersOf(step);
    if (parts === null) return;
    // No limit of ours: what one backend shows, the other is to show as well.
    if (parts.lowers.length > LOWERS_MAX)
      throw new NanolinError(
        'refused',
        `${parts.lowers.length} layers are more than a stack has`,
        `merge some of them: ${LOWERS_MAX} is the most`,
      );
    const key = keyOf(step, parts.present);
    const cover = this.#covering(step.target);
    if (step.inside && cover?.server)
      await this.#prepare(cover, { ...cover, key, generation }, parts.lowers, cover.server);
    else await this.#start(step, generation, parts.lowers, key);
  }

  carry(step: StepOf<'carry'>): void {
    const waiting = this.#waiting.get(step.target);
    if (waiting) requireDirectory(step, waiting);
    else if (mayMount()) this.#placement.carry(step);
    else
      throw new NanolinError(
        'conflict',
        `something is mounted on ${step.mountPoint}, and only root takes it along`,
        'unmount it first',
      );
  }

  moves(planned: StepOf<'swap'>): Move[] {
    // Where no layer was left to show, the union goes.
    const moves = planned.moves.map(move =>
      move.how === 'inside' && !this.#waiting.has(move.target) ? ({ ...move, how: 'off' } as const) : move,
    );
    const step = { ...planned, moves };
    const inside = [...this.#waiting.values()].map(
      ({ old, next }): Move => ({ target: old.target, old, next, inside: true }),
    );
    return [...(mayMount() ? this.#placement.moves(step) : this.#movesInPlace(step)), ...inside];
  }

  async swap(step: StepOf<'swap'>, moves: readonly Move[]): Promise<Swapped> {
    const placed = moves.filter(({ inside }) => !inside);
    const commit = async () => {
      for (const { line, next } of this.#waiting.values()) {
        this.#ctx.at('union:commit');
        await line.ask({ do: 'commit', generation: next.generation });
        this.#ctx.at('union:committed');
      }
    };
    const swapped = mayMount()
      ? await this.#placement.swap(step, placed, this.#waiting.size > 0 ? commit : undefined)
      : await this.#swapInPlace(placed, commit);
    this.#swapped = true;
    return swapped;
  }

  seal(step: StepOf<'seal'>): boolean {
    return this.#placement.seal(step);
  }

  [Symbol.dispose](): void {
    for (const line of this.#lines.splice(0)) line[Symbol.dispose]();
    this.#placement[Symbol.dispose]();
    this.#parts[Symbol.dispose]();
  }

  #movesInPlace(step: StepOf<'swap'>): Move[] {
    return step.moves.flatMap(({ target, how }) => {
      const old = this.#covering(target);
      const next = this.#inPlace.get(target)?.record ?? null;
      return how === 'inside' || (old === null && next === null) ? [] : [{ target, old, next }];
    });
  }

  /** One target after the other: for who cannot mount beneath, there is a moment with neither. */
  async #swapInPlace(moves: readonly Move[], commit: () => Promise<void>): Promise<Swapped> {
    const began = performance.now();
    await commit();
    for (const { target, old } of moves) {
      if (old) takeOff(old);
      this.#ctx.at('union:off');
      await this.#inPlace.get(target)?.line.ask({ do: 'mount', target });
      this.#ctx.at('union:mounted');
    }
    return { ms: performance.now() - began, gap: moves.some(({ old, next }) => old && next) };
  }

  async #prepare(
    old: MountRecord,
    next: MountRecord,
    lowers: readonly Lower[],
    { socket }: ServerRecord,
  ): Promise<void> {
    const line = await this.#connect(socket);
    await line.ask({ do: 'prepare', generation: next.generation, lowers: lowers.map(asked) });
    this.#ctx.at('union:prepared');
    this.#waiting.set(old.target, { line, old, next, lowers });
  }

  async #start(
    step: StepOf<'assemble'>,
    generation: number,
    lowers: readonly Lower[],
    key: string,
  ): Promise<void> {
    const { target, upper, nosuid } = step;
    if (upper) prepareUpper(upper, `/proc/self/fd/${lowers[0]?.fd}`);
    const source = sourceOf(generation);
    const { pid, start, socket } = await this.#startServer(source);
    const line = await this.#connect(socket);
    const { base = null } = await line.ask({
      do: 'open',
      source,
      generation,
      lowers: lowers.map(asked),
      upper,
      base: this.#kept(target),
      nosuid,
      userxattr: this.#userxattr,
    });
    const record = {
      target,
      type: typeOfBackend.fuse,
      source,
      key,
      generation,
      upper: upper?.upper ?? null,
      server: { pid, start, socket, work: upper?.work ?? null, nosuid, base },
    };
    if (!mayMount()) {
      const identity = { id: 0, unique: null, root: true, type: 'dir' } as const;
      this.#inPlace.set(target, { line, record: { ...record, identity } });
      return;
    }
    const { mount } = await line.ask({ do: 'mount', target: null });
    const fd = this.#parts.keep(
      native.openat2(AT_FDCWD, `/proc/${pid}/fd/${mount}`, O_PATH | O_DIRECTORY, 0, 0),
    );
    this.#ctx.at('union:mounted');
    this.#placement.add(target, {
      fd,
      record: { ...record, identity: native.statxMount(fd, '', AT_EMPTY_PATH) },
    });
  }

  /** What will be covered, for who cannot look under a mount afterwards. */
  #kept(target: string): LowerRequest | null {
    if (mayMount()) return null;
    const cover = this.#covering(target);
    return asked({ fd: this.#parts.keep(baseOf(target, cover ? 1 : 0, cover)), key: null });
  }

  async #startServer(source: string): Promise<Pick<ServerRecord, 'pid' | 'start' | 'socket'>> {
    const directory = join(this.#ctx.paths.run, 'unions');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const socket = join(directory, `${source.slice(source.lastIndexOf('-') + 1)}.sock`);
    const pid = await startServer([...this.#program, '--internal-serve-union', socket]);
    const start = startOf(pid);
    if (start === null) throw new NanolinError('mount-failed', 'the process that serves the union has ended');
    this.#ctx.at('union:started');
    return { pid, start, socket };
  }

  async #connect(socket: string): Promise<ControlLine> {
    const line = await ControlLine.to(socket);
    this.#lines.push(line);
    return line;
  }
}

const asked = ({ fd, key }: Lower): LowerRequest => ({ pid: process.pid, fd, key });

const keyOf = (step: StepOf<'assemble'>, present: readonly LayerRef[]): string =>
  stackKey(present, { base: step.base ? 'keep' : 'none', from: step.from }, step.upper);

/** The union keeps what is mounted inside of it, as long as the directory is there; each part of its path is the topmost layer's to decide. */
function requireDirectory({ target, mountPoint }: StepOf<'carry'>, { old, lowers }: Waiting): void {
  const inside = mountPoint.slice(target.length + 1);
  const upper = old.upper === null ? null : native.openat2(AT_FDCWD, old.upper, O_PATH | O_DIRECTORY, 0, 0);
  try {
    const layers = [...(upper === null ? [] : [upper]), ...lowers.map(({ fd }) => fd)];
    const parts = inside.split('/');
    for (const at of parts.keys())
      if (!topmostIsDirectory(layers, parts.slice(0, at + 1).join('/')))
        throw noDirectoryFor(mountPoint, inside);
  } finally {
    if (upper !== null) native.close(upper);
  }
}

function topmostIsDirectory(layers: readonly number[], path: string): boolean {
  for (const layer of layers) {
    let found: number | null;
    try {
      found = openSubtree(layer, path);
    } catch {
      // Something else of that name, a whiteout for example.
      return false;
    }
    if (found === null) continue;
    native.close(found);
    return true;
  }
  return false;
}
