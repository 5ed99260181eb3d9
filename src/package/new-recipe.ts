import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { asNanolinError, NanolinError } from '../error/index.ts';
import { formatRecipe, isPackageName, parseRecipe } from '../formats/index.ts';
import { type Context, replaceFile } from '../state/index.ts';
import { readRecipeFile, recipePath } from './recipe-file.ts';

/** Writes the skeleton of a recipe and returns its path. Throws refused where there is one already. */
export function newRecipe(ctx: Context, asked: string): string {
  const path = recipePath(ctx, asked);
  const name = path.slice(path.lastIndexOf('/') + 1).replace(/\.rcp$/, '');
  if (!isPackageName(name))
    throw new NanolinError(
      'usage',
      `${JSON.stringify(name.slice(0, 80))} is not a package's name`,
      'a name is [a-z0-9][a-z0-9+._-]*',
    );
  const text = formatRecipe(
    parseRecipe(skeleton(name, ctx.now().toISOString().slice(0, 10)), { file: path, strict: true }),
  );
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o755 });
    writeFileSync(path, text, { flag: 'wx', mode: 0o644 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw asNanolinError(error);
    throw new NanolinError('refused', `${path} is there already`, 'nanolin package make builds it');
  }
  return path;
}

const skeleton = (name: string, today: string): string => `PACKAGE ${name}
VERSION 0.1
# The image's stamp and all its times; raise it with every change.
PKGDATE ${today}
COMMENT what it is, in a line
LICENSE MIT
# What the build needs and what the package needs: a recipe beside this, a layer, or a program of the base.
TOOLING gcc
#REQUIRE zlib>=1.2

# A source; tar archives are unpacked. nanolin package make --allow-unpinned prints the hash to pin.
#GETFILE https://example.org/${name}-0.1.tar.gz sha256=...

PUTFILE ${name}.c
	#include <stdio.h>
	int main(void) { puts("${name}"); }

COMPILE ${name}
	cc -O2 -o ${name} ${name}.c

INSPECT ${name}
	test "$(./${name})" = ${name}

# What is written outside of the build folder is the package.
INSTALL /usr/bin/${name}
	install -D -m 0755 ${name} "$DESTDIR/usr/bin/${name}"
`;

/** The recipe in the one form we write; written back unless `check`. True when it was not in that form. */
export function tidyRecipe(
  ctx: Context,
  asked: string,
  { check = false }: { check?: boolean | undefined },
): boolean {
  const { path, text, recipe } = readRecipeFile(ctx, asked);
  const tidy = formatRecipe(recipe);
  if (Buffer.from(tidy).equals(text)) return false;
  if (check) return true;
  replaceFile(path, tidy);
  chmodSync(path, 0o644);
  return true;
}
