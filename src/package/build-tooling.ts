import { accessSync, constants, readFileSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';
import { debianVersion, matches, printRelation, type Relation } from '../formats/index.ts';
import { findLayer, type LayerRecord } from '../layer/index.ts';
import type { Context } from '../state/index.ts';
import { neighbour, type RecipeFile } from './recipe-file.ts';

/** What a recipe needs in order to be built, and what answers it. */
export interface Needs {
  /** Recipes beside it, by name. */
  readonly recipes: readonly RecipeFile[];
  /** Layers of the store. */
  readonly layers: readonly LayerRecord[];
  readonly notes: readonly string[];
}

/**
 * Looks for each TOOLING and REQUIRE: a recipe beside this one, then a layer in the store, then the base, which answers with a program of that
 * name or an installed Debian package. A TOOLING that nothing answers throws layer-missing; a REQUIRE is needed by who uses the package.
 */
export async function findNeeds(ctx: Context, file: RecipeFile): Promise<Needs> {
  const recipes: RecipeFile[] = [];
  const layers: LayerRecord[] = [];
  const notes: string[] = [];
  const { tooling, requires, name } = file.package;
  for (const relation of [...tooling, ...requires]) {
    if (relation.name === name)
      throw new NanolinError(
        'refused',
        `${file.path}: ${name} needs itself to be built`,
        'take the line out',
      );
    const beside = neighbour(ctx, file, relation.name);
    if (beside && matches(relation, beside.package)) {
      recipes.push(beside);
      continue;
    }
    const layer = await findLayer(ctx, printRelation(relation)).catch(missingIsNull);
    if (layer) layers.push(layer);
    else if (inBase(relation)) continue;
    else if (requires.includes(relation))
      notes.push(`nothing here answers REQUIRE ${printRelation(relation)}`);
    else
      throw new NanolinError(
        'layer-missing',
        `${file.path}: nothing answers TOOLING ${printRelation(relation)}`,
        `install it in the base, or bring a layer: nanolin layer import deb:${relation.name}`,
      );
  }
  return { recipes, layers, notes };
}

function missingIsNull(error: unknown): null {
  if (error instanceof NanolinError && error.code === 'layer-missing') return null;
  throw error;
}

function inBase(relation: Relation): boolean {
  const installed = installedVersion(relation.name);
  if (installed !== null) return matches(relation, { name: relation.name, version: installed });
  return (
    relation.op === null && ['/usr/bin', '/usr/sbin'].some(place => isProgram(`${place}/${relation.name}`))
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** From dpkg's own list, which needs no program to read. */
function installedVersion(name: string): string | null {
  let status: string;
  try {
    status = readFileSync('/var/lib/dpkg/status', 'utf8');
  } catch {
    return null;
  }
  for (const start of [0, status.indexOf(`\n\nPackage: ${name}\n`)]) {
    const paragraph = status.slice(start, status.indexOf('\n\n', start + 2) + 1).trimStart();
    if (!paragraph.startsWith(`Package: ${name}\n`) || !/^Status: install ok installed$/m.test(paragraph))
      continue;
    const version = /^Version: (\S+)$/m.exec(paragraph)?.[1];
    return version === undefined ? null : debianVersion(version);
  }
  return null;
}
