import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { NanolinError } from '../error/index.ts';
import {
  isPackageName,
  maxRecipeBytes,
  nearest,
  type PackageRecipe,
  packageFrom,
  parseRecipe,
  type Recipe,
} from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { readBounded } from '../trust/index.ts';

/** A PACKAGE recipe and where it was read. */
export interface RecipeFile {
  /** Absolute. */
  readonly path: string;
  readonly text: Buffer;
  readonly recipe: Recipe;
  readonly package: PackageRecipe;
}

/**
 * Reads the recipe that `asked` names: a path, or a NAME that stands for NAME.rcp in `packages/` beside the profiles. Throws source-missing
 * with the nearest name, recipe-syntax or recipe-invalid.
 */
export function readRecipeFile(ctx: Context, asked: string): RecipeFile {
  const path = recipePath(ctx, asked);
  const read = readBounded(path, { max: maxRecipeBytes, code: 'recipe-invalid' });
  if (!read) throw missing(ctx, asked, path);
  const text = Buffer.from(read.bytes);
  const recipe = parseRecipe(text, { file: path });
  return { path, text, recipe, package: packageFrom(recipe) };
}

/** NAME.rcp in the directory of a recipe; null where there is none, or where it names another package (HOSTILE 30). */
export function neighbour(ctx: Context, { path }: Pick<RecipeFile, 'path'>, name: string): RecipeFile | null {
  const file = join(dirname(path), `${name}.rcp`);
  if (file === path || !existsSync(file)) return null;
  const found = readRecipeFile(ctx, file);
  if (found.package.name === name) return found;
  throw new NanolinError(
    'recipe-invalid',
    `${file} says PACKAGE ${found.package.name}`,
    `rename it to ${found.package.name}.rcp`,
  );
}

export function recipePath(ctx: Context, asked: string): string {
  if (asked.includes('/') || asked.endsWith('.rcp')) return resolve(asked);
  if (isPackageName(asked)) return join(recipeDirectory(ctx), `${asked}.rcp`);
  throw new NanolinError(
    'usage',
    `${JSON.stringify(asked.slice(0, 80))} is neither a package's name nor a path`,
    'give NAME, or the path of a recipe: ./NAME.rcp',
  );
}

export const recipeDirectory = (ctx: Context): string => join(ctx.paths.profiles, 'packages');

function missing(ctx: Context, asked: string, path: string): NanolinError {
  const directory = recipeDirectory(ctx);
  const names = existsSync(directory) ? readdirSync(directory).map(name => name.replace(/\.rcp$/, '')) : [];
  const close = nearest(asked, names);
  return new NanolinError(
    'source-missing',
    `there is no recipe ${path}`,
    close === null ? `\`nanolin package new ${asked.slice(0, 80)}\` begins one` : `did you mean ${close}?`,
  );
}
