import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { type Context, document, type Staged } from '../state/index.ts';
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

const generationPath = (ctx: Context, number: number) => join(ctx.paths.generations, `${number}.json`);

function stored(ctx: Context, number: number) {
  return document<{ generation: Generation | null }>(generationPath(ctx, number), {
    schema,
    empty: { generation: null },
  });
}

/** The committed generation, whether it is mounted or not: the one with the highest number, for a rollback makes a new one. */
export function currentGeneration(ctx: Context): Generation {
  return readGeneration(ctx, generationNumbers(ctx).at(-1) ?? 0);
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

/** A number is used once: also that of a generation whose damaged record was set aside. */
export function nextNumber(ctx: Context): number {
  return (numbersOf(ctx, /^([1-9]\d*)\.json/).at(-1) ?? 0) + 1;
}

/**
 * Writes the generation's record beside the others, so that a full disk is met before the switch; `commit` makes it durable and,
 * in one rename, current.
 */
export function stageGeneration(ctx: Context, generation: Generation): Staged {
  const staged = stored(ctx, generation.number).stage({ generation });
  return {
    commit() {
      staged.commit();
      prune(ctx);
    },
    [Symbol.dispose]: () => staged[Symbol.dispose](),
  };
}

function generationNumbers(ctx: Context): number[] {
  return numbersOf(ctx, /^([1-9]\d*)\.json$/);
}

function numbersOf(ctx: Context, pattern: RegExp): number[] {
  let names: string[];
  try {
    names = readdirSync(ctx.paths.generations);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return names
    .flatMap(name => pattern.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

function prune(ctx: Context): void {
  for (const number of generationNumbers(ctx).slice(0, -KEPT))
    rmSync(generationPath(ctx, number), { force: true });
}
