import { readdirSync, realpathSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { asNanolinError, NanolinError } from '../error/index.ts';
import {
  maxRecipeBytes,
  maxSignifyBytes,
  type PackageRecipe,
  packageFrom,
  parseImageName,
  parseRecipe,
} from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { readBounded, verifySignature } from '../trust/index.ts';
import type { Candidate } from './universe.ts';

/** A package that a source has and the store may not. */
export interface Offer extends Candidate, Said {
  /** Absolute path of the image. */
  readonly path: string;
  /** The recipe's bytes; null where none lies beside the image. */
  readonly recipe: Buffer | null;
}

/** What a recipe says to people, and of other packages. */
export interface Said extends Pick<Candidate, 'requires' | 'provides' | 'conflicts' | 'replaces'> {
  readonly comment: string;
}

const mostImages = 100_000;

/**
 * The packages of directories and single images, in this order. What a source's recipe or signature says wrong costs only that package:
 * `doubts` has a sentence for each. Throws source-missing, and for an image that was named itself whatever is wrong with it.
 */
export function readSources(ctx: Context, sources: readonly string[]): { offers: Offer[]; doubts: string[] } {
  const doubts: string[] = [];
  const offers = sources.flatMap(source => {
    const path = realOf(source);
    if (!statSync(path).isDirectory()) return readOffer(ctx, path);
    return imagesIn(path).flatMap(image => {
      try {
        return readOffer(ctx, join(path, image));
      } catch (error) {
        doubts.push(asNanolinError(error).message);
        return [];
      }
    });
  });
  return { offers, doubts };
}

function realOf(source: string): string {
  try {
    return realpathSync(source);
  } catch (error) {
    throw new NanolinError(
      'source-missing',
      `${source} cannot be read`,
      'give a directory of packages, or an .img',
      {
        cause: error,
      },
    );
  }
}

function imagesIn(directory: string): string[] {
  const images = readdirSync(directory)
    .filter(name => name.endsWith('.img') && parseImageName(name) !== null)
    .sort();
  if (images.length <= mostImages) return images;
  throw new NanolinError('refused', `${directory} has ${images.length} images, more than ${mostImages}`);
}

function readOffer(ctx: Context, path: string): Offer {
  const named = path.endsWith('.img') ? parseImageName(basename(path)) : null;
  if (named === null)
    throw new NanolinError(
      'usage',
      `${path} is not called NAME-vVERSION-STAMP.img`,
      'nanolin layer import takes other sources; nanolin package import makes packages of them',
    );
  const found = readRecipe(path, named);
  return {
    ...named,
    source: sourceOf(ctx, path),
    ...saidBy(found?.recipe ?? null),
    path,
    recipe: found?.text ?? null,
  };
}

/** Nothing where there is no recipe. */
export function saidBy(recipe: PackageRecipe | null): Said {
  return {
    comment: recipe?.comment ?? '',
    requires: recipe?.requires.map(relation => [relation]) ?? [],
    provides: recipe?.provides ?? [],
    conflicts: [],
    replaces: recipe?.replaces ?? [],
  };
}

/** STEM.rcp or NAME.rcp beside the image: of this package and this version, or none of it counts. */
function readRecipe(
  image: string,
  { name, version }: { name: string; version: string },
): { recipe: PackageRecipe; text: Buffer } | null {
  for (const file of [image.replace(/\.img$/, '.rcp'), join(dirname(image), `${name}.rcp`)]) {
    const read = readBounded(file, { max: maxRecipeBytes, code: 'recipe-invalid' });
    if (read === null) continue;
    const recipe = packageFrom(parseRecipe(read.bytes, { file }));
    if (recipe.name === name && recipe.version === version) return { recipe, text: read.bytes };
    throw new NanolinError(
      'recipe-invalid',
      `${file} is of ${recipe.name} ${recipe.version}, ${basename(image)} is left out`,
      'put a recipe of the same name and version beside the image',
    );
  }
  return null;
}

/** The key that signed it is the source; where nobody did, the directory. */
function sourceOf(ctx: Context, image: string): string {
  const file = image.replace(/\.img$/, '.sig');
  const signature = readBounded(file, { max: maxSignifyBytes, code: 'signature-invalid' });
  if (signature === null) return dirname(image);
  const { key } = verifySignature(ctx, signature.bytes, { file, stem: basename(file, '.sig') });
  return keySource(key.name, key.fingerprint);
}

export const keySource = (name: string, fingerprint: string): string =>
  `${name} (${fingerprint.slice(0, 16)})`;
