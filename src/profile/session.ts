import { mkdirSync } from 'node:fs';
import { asNanolinError, NanolinError } from '../error/index.ts';
import { recoverImports } from '../layer/index.ts';
import {
  type ApplyOptions,
  applyGeneration,
  currentGeneration,
  type MounterFactory,
  recoverSwitch,
  type Writers,
} from '../stack/index.ts';
import { type Context, DamagedState, lockState, setAside, sweepStaged } from '../state/index.ts';
import type { LayerTrees } from './trees.ts';

/** What one opened instance works with. */
export interface Session {
  readonly ctx: Context;
  readonly mounter: MounterFactory;
  readonly backend: ApplyOptions['backend'];
  readonly trees: LayerTrees;
}

/**
 * Runs a writing command: under the lock, after whatever an earlier process left half-way was finished or undone. Throws `busy`
 * with the holder's name.
 */
export async function writing<T>(session: Session, what: string, body: () => Promise<T>): Promise<T> {
  const { ctx } = session;
  const { run, state, layers, tmp, generations } = ctx.paths;
  for (const directory of [run, state, layers, tmp, generations]) makeDirectory(directory);
  using _lock = lockState(ctx, what);
  try {
    await recoverAll(session);
    return await body();
  } catch (error) {
    if (!(error instanceof DamagedState)) throw error;
    throw new NanolinError(
      'state-corrupt',
      `${error.message}: it was set aside as ${setAside(error.file, ctx.now())}`,
      'what is mounted stays mounted; run the command again to go on without what that file held',
      { cause: error },
    );
  }
}

async function recoverAll(session: Session): Promise<void> {
  const { ctx } = session;
  for (const directory of [ctx.paths.run, ctx.paths.state, ctx.paths.generations]) sweepStaged(directory);
  await recoverImports(ctx);
  const recovery = await recoverSwitch(ctx);
  if (!recovery) return;
  ctx.log.warn({ remedy: recovery.remedy }, recovery.message);
  if (!recovery.apply) return;
  const options = applyOptions(session, {});
  try {
    (await applyGeneration(ctx, recovery.apply, options)).release();
  } catch (error) {
    ctx.log.warn({ error: asNanolinError(error).message }, 'going back to the last committed generation');
    (await applyGeneration(ctx, currentGeneration(ctx), options)).release();
  }
}

export interface ChangeOptions {
  readonly strict?: boolean | undefined;
  readonly writers?: Writers | undefined;
  readonly reason?: string | undefined;
}

export function applyOptions(
  session: Session,
  { strict = false, writers = 'report' }: ChangeOptions,
): ApplyOptions {
  const { mounter, backend, trees } = session;
  return { mounter, backend, strict, writers, holds: (layer, from) => trees.holds(layer, from) };
}

function makeDirectory(path: string): void {
  try {
    mkdirSync(path, { recursive: true, mode: 0o755 });
  } catch (error) {
    throw asNanolinError(error);
  }
}
