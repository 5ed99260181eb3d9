import { createHash } from 'node:crypto';
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import type { LayerRecord } from '../layer/index.ts';
import { loadMaking } from '../layer/index.ts';
import type { Context } from '../state/index.ts';
import { usualLimits } from './build-limits.ts';
import { runStage, type StageResult } from './build-run.ts';
import { inPlace, openSandbox, type Sandbox } from './build-sandbox.ts';
import { type BuildStage, stageEnvironment, stagesOf } from './build-stages.ts';
import { type Fetched, fetchSource, placeSources } from './fetch.ts';
import { leavesTree } from './judge-patch.ts';
import type { RecipeFile } from './recipe-file.ts';
import type { MakeOptions } from './types.ts';

/** What a build is made of; the same inputs give the same bytes. */
export interface BuildInputs {
  readonly file: RecipeFile;
  readonly sources: readonly Fetched[];
  /** Topmost first. */
  readonly layers: readonly LayerRecord[];
  readonly stamp: string;
}

/** Fetches all the sources of a recipe, and refuses patches that leave their tree before anything runs. */
export async function gatherSources(
  ctx: Context,
  file: RecipeFile,
  options: MakeOptions,
): Promise<Fetched[]> {
  const { allowUnpinned, allowFiles } = options;
  const sources: Fetched[] = [];
  for (const item of file.package.folder)
    if (item.do === 'get')
      sources.push(...(await fetchSource(ctx, item, { recipe: file.path, allowUnpinned, allowFiles })));
  judgePatches(file, name => sources.find(source => source.name === name), ctx);
  return sources;
}

function judgePatches(file: RecipeFile, fetched: (name: string) => Fetched | undefined, ctx: Context): void {
  const { folder } = file.package;
  for (const item of folder)
    for (const name of item.do === 'patch' ? item.files : []) {
      const put = folder.find(other => other.do === 'put' && other.path === name);
      const source = fetched(name);
      const text =
        put?.do === 'put'
          ? put.body
          : source && readFileSync(join(ctx.paths.state, 'sources', source.sha256), 'latin1');
      const outside = text === undefined ? null : leavesTree(text);
      if (outside !== null)
        throw new NanolinError(
          'refused',
          `${file.path}:${item.line}: PATCHES: ${name} is for ${JSON.stringify(outside.slice(0, 200))}, outside of ${item.do === 'patch' ? item.directory : ''}`,
          'a patch names files of its own tree, after one directory that -p1 takes off',
        );
    }
}

/** SHA-256 over all that decides the bytes of a package, but for the base itself. */
export function inputDigest({ file, sources, layers, stamp }: BuildInputs, format: string): string {
  const all = [stamp, format, ...sources.map(({ sha256 }) => sha256), ...layers.map(({ digest }) => digest)];
  return createHash('sha256')
    .update(file.text)
    .update(`\0${all.join('\n')}`)
    .digest('hex');
}

/** Runs every stage in a fresh sandbox, which is the caller's to gather and to end. */
export async function buildInSandbox(
  ctx: Context,
  inputs: BuildInputs,
  options: MakeOptions,
  log: string,
): Promise<Sandbox> {
  const { file, sources, layers, stamp } = inputs;
  const sandbox = await openSandbox(ctx, layers, { ...usualLimits, ...options.limits });
  try {
    await placeSources(ctx, sources, join(sandbox.place, inPlace.folder));
    placeBodies(sandbox, file);
    const environment = stageEnvironment(file.package, stamp, availableParallelism());
    for (const stage of stagesOf(file.package))
      await runToEnd(ctx, { sandbox, file, options, log, environment, stage });
    return sandbox;
  } catch (error) {
    sandbox[Symbol.dispose]();
    throw error;
  }
}

interface Running {
  readonly sandbox: Sandbox;
  readonly file: RecipeFile;
  readonly options: MakeOptions;
  readonly log: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly stage: BuildStage;
}

async function runToEnd(ctx: Context, running: Running): Promise<void> {
  const { sandbox, file, options, log, environment, stage } = running;
  const { name, script, writes } = stage;
  ctx.progress({ task: name.toLowerCase(), subject: file.package.name });
  for (;;) {
    const result = await runStage(ctx, sandbox, { name, script, writes, environment, log });
    if (result.ok) return;
    if (options.keep) await keepFolder(ctx, sandbox, file.package.name);
    const error = failed(running, result);
    if (!options.shell) throw error;
    ctx.log.warn(
      {},
      `${error.message}; the shell that opens is where it failed: exit 0 runs the stage again, exit 1 gives up`,
    );
    const shell = await runStage(ctx, sandbox, { name, script, writes, environment, log, interactive: true });
    if (!shell.ok) throw error;
  }
}

function failed({ file, stage, log, options }: Running, { code, why, tail }: StageResult): NanolinError {
  const place = `${file.path}:${stage.line}`;
  const last = tail
    .trim()
    .split('\n')
    .slice(-4)
    .join('; ')
    .replace(/\p{Cc}/gu, '?')
    .slice(-500);
  const how = why ?? `it ended with ${code ?? 'a signal'}`;
  const more = options.keep ? '' : ', --shell opens a shell in it, --keep keeps the build folder';
  return new NanolinError(
    'command-failed',
    `${place}: ${stage.name} failed: ${how}${last ? `: ${last}` : ''}`,
    `the log is ${log}${more}`,
  );
}

/** Copies the build folder to where it can be looked at; only root may enter it. */
export async function keepFolder(ctx: Context, { place }: Sandbox, name: string): Promise<string> {
  const { run } = await loadMaking();
  const directory = join(ctx.paths.state, 'builds', name);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(join(ctx.paths.state, 'builds'), { recursive: true, mode: 0o700 });
  await run(ctx, 'cp', ['-a', '--', join(place, inPlace.folder), directory]);
  chmodSync(directory, 0o700);
  return directory;
}

function placeBodies({ place }: Sandbox, { package: { folder } }: RecipeFile): void {
  for (const [at, item] of folder.filter(item => item.do === 'put').entries()) {
    const path = join(place, inPlace.stages, `put-${at}`);
    writeFileSync(path, item.body);
    chmodSync(path, 0o644);
  }
}
