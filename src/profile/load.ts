import { constants } from 'node:fs';
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { asNanolinError, NanolinError } from '../error/index.ts';
import { isPackageName, nearest, type ProfileRecipe, parseRecipe, profileFrom } from '../formats/index.ts';
import type { Context } from '../state/context.ts';
import { type Problem, problem } from './problem.ts';

/** A profile with all it imports, as far as they can be read. */
export interface Loaded {
  /** The error of a recipe stands where its value would. */
  readonly recipes: ReadonlyMap<string, ProfileRecipe | NanolinError>;
  /** What the parser doubts in them, unknown keywords for example; none is fatal. */
  readonly doubts: readonly Problem[];
}

/** Bytes. A profile is a page of text; what is larger is something else. */
const largest = 1024 * 1024;
const mostImports = 256;

/** Reads a profile and everything its IMPORTS lead to. Throws only for the profile itself: what it imports is in `recipes`. */
export async function loadProfile(ctx: Context, name: string): Promise<Loaded> {
  const recipes = new Map<string, ProfileRecipe | NanolinError>();
  const doubts: Problem[] = [];
  const waiting = [name];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (recipes.has(next)) continue;
    if (recipes.size === mostImports)
      throw new NanolinError('profile-invalid', `profile ${name} imports more than ${mostImports} profiles`);
    const found = await readProfile(ctx, next).catch(asNanolinError);
    if (found instanceof NanolinError) {
      if (next === name) throw found;
      recipes.set(next, found);
    } else {
      recipes.set(next, found.recipe);
      doubts.push(...found.doubts);
      waiting.push(...found.recipe.imports);
    }
  }
  return { recipes, doubts };
}

/** Reads one profile. Throws `profile-missing` with the nearest name, `recipe-syntax` or `recipe-invalid`. */
export async function readProfile(
  ctx: Context,
  name: string,
): Promise<{ recipe: ProfileRecipe; doubts: Problem[] }> {
  if (!isPackageName(name))
    throw new NanolinError(
      'profile-missing',
      `${JSON.stringify(name.slice(0, 80))} is not a profile's name`,
      'a name is [a-z0-9][a-z0-9+._-]*',
    );
  const file = profileFile(ctx, name);
  const bytes = await readBounded(file).catch(async thrown => {
    throw thrown?.code === 'ENOENT' ? await missing(ctx, name) : unreadable(file, thrown);
  });
  const parsed = parseRecipe(bytes, { file });
  const recipe = profileFrom(parsed);
  if (recipe.name !== name)
    throw new NanolinError(
      'recipe-invalid',
      `${file}: the header says PROFILE ${recipe.name}, the file is called ${name}.rcp`,
      `rename the file to ${recipe.name}.rcp, or write PROFILE ${name}`,
    );
  const doubts = parsed.warnings.map(({ message }) =>
    problem('recipe-syntax', message, 'the line has no effect', false),
  );
  return { recipe, doubts };
}

export function profileFile(ctx: Context, name: string): string {
  return join(ctx.paths.profiles, `${name}.rcp`);
}

/** Names of the profiles in the directory, sorted; none where there is no directory. */
export async function profileNames(ctx: Context): Promise<string[]> {
  const files = await readdir(ctx.paths.profiles).catch(thrown => {
    if (thrown?.code === 'ENOENT') return [];
    throw thrown;
  });
  return files
    .filter(file => file.endsWith('.rcp'))
    .map(file => file.slice(0, -'.rcp'.length))
    .filter(isPackageName)
    .sort();
}

async function readBounded(file: string): Promise<Uint8Array> {
  // O_NONBLOCK: opening a FIFO for reading would wait for a writer.
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  await using handle: FileHandle = await open(file, flags);
  const { size } = await handle.stat().then(stat => {
    if (!stat.isFile()) throw new NanolinError('recipe-invalid', `${file} is not a regular file`);
    return stat;
  });
  // One byte more than allowed shows a file that is larger than it said.
  const buffer = Buffer.alloc(Math.min(size, largest) + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await handle.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  if (size > largest || length > size)
    throw new NanolinError(
      'recipe-invalid',
      size > largest
        ? `${file} is ${size} bytes, a profile has at most ${largest}`
        : `${file} grew while it was read`,
    );
  return buffer.subarray(0, length);
}

function unreadable(file: string, thrown: unknown): NanolinError {
  if ((thrown as { code?: unknown }).code === 'ELOOP')
    return new NanolinError('recipe-invalid', `${file} is a symbolic link`, 'put the file itself there');
  return asNanolinError(thrown);
}

async function missing(ctx: Context, name: string): Promise<NanolinError> {
  const close = nearest(name, await profileNames(ctx));
  return new NanolinError(
    'profile-missing',
    `no profile is called ${name} in ${ctx.paths.profiles}`,
    close === null
      ? `\`nanolin profile list\` shows what there is, \`nanolin profile new ${name}\` begins one`
      : `did you mean ${close}?`,
  );
}
