import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { type Context, DamagedState, document, type Staged } from '../state/index.ts';
import type { Generation } from './types.ts';

/** Generations that are kept besides the current one. */
const KEPT = 200;

/** The stack of a machine on which nanolin mounted nothing. */
export const BARE: Generation = {
  number: 0,
  time: '1970-01-01T00:00:00.000Z',
  reason: 'the bare base',
  previous: 0,
  profile: null,
  leftOut: [],
  layers: [],
  targets: [],
  writing: 'none',
};

const schema = 1;

interface State {
  /** Number of the committed generation. */
  readonly current: number;
}

const statePath = (ctx: Context) => join(ctx.paths.state, 'state.json');
const generationPath = (ctx: Context, number: number) => join(ctx.paths.generations, `${number}.json`);

function stored(ctx: Context, number: number) {
  return document<{ generation: Generation | null }>(generationPath(ctx, number), {
    schema,
    empty: { generation: null },
  });
}

function state(ctx: Context) {
  return document<State>(statePath(ctx), { schema, empty: { current: 0 } });
}

/** The committed generation, whether it is mounted or not. */
export function currentGeneration(ctx: Context): Generation {
  const { current } = state(ctx).read();
  const found = current === 0 ? BARE : stored(ctx, current).read().generation;
  if (!found) throw new DamagedState(statePath(ctx), `generation ${current}, which it names, is not there`);
  return found;
}

/** Throws generation-missing; 0 is always there. */
export function readGeneration(ctx: Context, number: number): Generation {
  if (number === 0) return BARE;
  const { generation } = stored(ctx, number).read();
  if (generation === null)
    throw new NanolinError(
      'generation-missing',
      `there is no generation ${number}`,
      '`nanolin history` lists them',
    );
  return generation;
}

/** Oldest first. */
export function readHistory(ctx: Context): Generation[] {
  return generationNumbers(ctx).map(number => readGeneration(ctx, number));
}

export function nextNumber(ctx: Context): number {
  return Math.max(state(ctx).read().current, generationNumbers(ctx).at(-1) ?? 0) + 1;
}

/**
 * Writes the generation and the pointer to it beside the old ones, so that a full disk is met before the switch; `commit` makes
 * them durable and current.
 */
export function stageGeneration(ctx: Context, generation: Generation): Staged {
  const record = stored(ctx, generation.number).stage({ generation });
  let pointer: Staged;
  try {
    pointer = state(ctx).stage({ current: generation.number });
  } catch (error) {
    record[Symbol.dispose]();
    throw error;
  }
  return {
    commit() {
      record.commit();
      pointer.commit();
      prune(ctx);
    },
    [Symbol.dispose]() {
      record[Symbol.dispose]();
      pointer[Symbol.dispose]();
    },
  };
}

function generationNumbers(ctx: Context): number[] {
  let names: string[];
  try {
    names = readdirSync(ctx.paths.generations);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .filter(name => /^[1-9]\d*\.json$/.test(name))
    .map(name => Number.parseInt(name, 10))
    .sort((a, b) => a - b);
}

function prune(ctx: Context): void {
  for (const number of generationNumbers(ctx).slice(0, -KEPT))
    rmSync(generationPath(ctx, number), { force: true });
}
