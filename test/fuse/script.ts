import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { program } from '../programs/build.ts';

/** Lines for test/programs/operate.c. */
export type Script = readonly string[];

/** Where a script was answered in two ways. */
export interface Difference {
  readonly line: number;
  readonly union: string;
  readonly plain: string;
}

/** A directory to run a script in; `marked` knows which directories a union does not rename. */
export interface Place {
  readonly path: string;
  readonly marked?: boolean;
}

const TIMEOUT_MS = 120_000;

export function play({ path, marked }: Place, script: Script): string[] {
  const { stdout, signal } = spawnSync(program('operate'), [...(marked ? ['--marked'] : []), path], {
    input: `${script.join('\n')}\n`,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
    timeout: TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  return [...stdout.split('\n').slice(0, -1), ...(signal ? [`ended by ${signal}`] : [])];
}

/** The same beside others. */
export async function playAlong({ path, marked }: Place, script: Script): Promise<string[]> {
  const child = spawn(program('operate'), [...(marked ? ['--marked'] : []), path], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('latin1').on('data', (part: string) => {
    output += part;
  });
  child.stdin.on('error', () => {}).end(`${script.join('\n')}\n`);
  await once(child, 'close');
  return output.split('\n').slice(0, -1);
}

export function difference(union: readonly string[], plain: readonly string[]): Difference | null {
  const line = plain.findIndex((answer, at) => answer !== union[at]);
  return line < 0 ? null : { line, union: union[line] ?? 'nothing', plain: plain[line] ?? '' };
}

/**
 * A short part of a script that `fails` still says is one that fails: halves, quarters and so on are left out as long as that is so.
 * `tries` bounds the work.
 */
export async function shortened(
  script: Script,
  fails: (part: Script) => Promise<boolean>,
  tries = 150,
): Promise<Script> {
  let part = script;
  for (let size = Math.ceil(part.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
    for (let at = part.length - size; at > -size && tries > 0; at -= size, tries--) {
      const rest = part.filter((_, line) => line < at || line >= at + size);
      if (rest.length < part.length && (await fails(rest))) part = rest;
    }
  return part;
}

export interface Random {
  /** From 0 to below `bound`. */
  below(bound: number): number;
  of<T>(choices: readonly T[]): T;
}

/** The same numbers for the same seed on every machine: mulberry32. */
export function random(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  };
  const below = (bound: number) => next() % bound;
  return { below, of: choices => choices[below(choices.length)] as never };
}

/** Seeds of a run: what NANOLIN_SEED says, or as many as are asked for. */
export const seeds = (count: number): number[] =>
  process.env.NANOLIN_SEED
    ? [Number(process.env.NANOLIN_SEED)]
    : Array.from({ length: count }, (_, at) => at + 1);

export const long = process.env.NANOLIN_LONG === '1';
