import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { imageStem, type PackageRecipe, printRelation } from '../formats/index.ts';
import { findLayer, type LayerRecord } from '../layer/index.ts';
import type { Context } from '../state/index.ts';
import { type RecipeFile, readRecipeFile, recipePath } from './recipe-file.ts';

/** What a recipe says, and what the store has of it. */
export interface PackageReport {
  readonly name: string;
  readonly version: string;
  /** What the recipe says of the image's stamp. */
  readonly stamp: string | null;
  readonly comment: string;
  readonly description: string;
  readonly license: string;
  readonly contact: readonly string[];
  readonly website: readonly string[];
  readonly provides: readonly string[];
  readonly replaces: readonly string[];
  readonly requires: readonly string[];
  readonly suggests: readonly string[];
  readonly tooling: readonly string[];
  readonly permits: readonly string[];
  readonly sources: readonly { readonly url: string; readonly sha256: string | null }[];
  readonly scripts: readonly string[];
  /** Path of the recipe. */
  readonly recipe: string;
  /** The image in the store, null where there is none. */
  readonly image: string | null;
  /** Unknown directives and the like, in sentences. */
  readonly doubts: readonly string[];
}

/** Shows a recipe by path, a layer's recipe by its name or query, or a recipe in `packages/` by name. Throws source-missing. */
export async function showPackage(ctx: Context, asked: string): Promise<PackageReport> {
  const isPath = asked.includes('/') || asked.endsWith('.rcp');
  const stored = isPath ? null : await storedRecipe(ctx, asked);
  const file = stored?.file ?? readRecipeFile(ctx, asked);
  const image =
    stored?.layer ?? (await findLayer(ctx, `${file.package.name}=${file.package.version}`).catch(() => null));
  return report(file, image);
}

async function storedRecipe(
  ctx: Context,
  query: string,
): Promise<{ file: RecipeFile; layer: LayerRecord } | null> {
  // A recipe that is still to be built comes first: it is what the admin writes just now.
  if (/^[^=<>]+$/.test(query) && existsSync(recipePath(ctx, query))) return null;
  const layer = await findLayer(ctx, query).catch(() => null);
  const path = layer && join(ctx.paths.layers, `${imageStem(layer)}.rcp`);
  return layer && path && existsSync(path) ? { file: readRecipeFile(ctx, path), layer } : null;
}

function report({ path, recipe, package: it }: RecipeFile, layer: LayerRecord | null): PackageReport {
  const { name, version, stamp, comment, description, license, contact, website, replaces, permits } = it;
  const relations = (list: PackageRecipe['requires']) => list.map(printRelation);
  return {
    ...{ name, version, stamp, comment, description, license, contact, website },
    provides: relations(it.provides),
    replaces,
    requires: relations(it.requires),
    suggests: relations(it.suggests),
    tooling: relations(it.tooling),
    permits,
    sources: it.folder.flatMap(item => (item.do === 'get' ? [{ url: item.url, sha256: item.sha256 }] : [])),
    scripts: it.scripts.map(({ event }) => event),
    recipe: path,
    image: layer?.image ?? null,
    doubts: recipe.warnings.map(({ message }) => message),
  };
}
