import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { coversName, packageFrom, parseRecipe } from '../formats/index.ts';
import type { LayerRef } from '../stack/index.ts';
import type { Context } from '../state/index.ts';

/**
 * Does a layer's own recipe say that it takes the place of that name (REPLACE)? The recipe lies beside the image where a package was
 * installed; a layer without one replaces nothing, nor does one whose recipe cannot be read.
 */
export function replacing(ctx: Context): (layer: LayerRef, name: string) => boolean {
  const known = new Map<string, readonly string[]>();
  return ({ image }, name) => {
    let globs = known.get(image);
    if (!globs) {
      globs = replacesOf(join(ctx.paths.layers, image.replace(/\.img$/, '.rcp')));
      known.set(image, globs);
    }
    return globs.some(glob => coversName(glob, name));
  };
}

function replacesOf(file: string): readonly string[] {
  if (!existsSync(file)) return [];
  try {
    return packageFrom(parseRecipe(readFileSync(file), { file })).replaces;
  } catch {
    return [];
  }
}
