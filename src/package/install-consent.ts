import { existsSync, readFileSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';
import { packageFrom, parseManifest, parseRecipe } from '../formats/index.ts';
import { readManifest } from '../layer/index.ts';
import type { LayerRef } from '../stack/index.ts';
import type { Context } from '../state/index.ts';
import { recipePlace } from './install-records.ts';
import { type Finding, judgePackage, rules } from './judge-package.ts';

/** Throws `usage` for a word that is no rule. */
export function checkPermits(agreed: readonly string[]): void {
  const unknown = agreed.find(word => !rules.includes(word));
  if (unknown !== undefined)
    throw new NanolinError(
      'usage',
      `${JSON.stringify(unknown)} cannot be permitted`,
      `one of ${rules.join(', ')}`,
    );
}

/**
 * What an application may not bring (HOSTILE 44 to 48) is refused path by path. It takes two to allow it: the recipe says what the package
 * needs (PERMITS), and the admin agrees.
 */
export function refuseUnpermitted(ctx: Context, layer: LayerRef, agreed: readonly string[]): void {
  const { entries } = parseManifest(readManifest(ctx, layer), {
    file: layer.image.replace(/\.img$/, '.lst'),
  });
  const said = permitsOf(ctx, layer);
  const findings = judgePackage(entries, new Set(said.filter(word => agreed.includes(word))));
  if (findings.length === 0) return;
  const silent = [...new Set(findings.map(({ rule }) => rule))].filter(rule => !said.includes(rule));
  throw new NanolinError(
    'refused',
    `package ${layer.name} ${layer.version} may not bring ${pathByPath(findings)}`,
    silent.length > 0
      ? `its recipe does not say that it needs this (PERMITS ${silent.join(' ')}): ask whoever made it`
      : `its recipe asks for it: look at it, then say --permit ${[...new Set(findings.map(({ rule }) => rule))].join(',')}`,
  );
}

export function pathByPath(findings: readonly Finding[]): string {
  return findings.map(({ path, why }) => `${path} (${why})`).join(', ');
}

function permitsOf(ctx: Context, { image }: LayerRef): readonly string[] {
  const file = recipePlace(ctx, image);
  return existsSync(file) ? packageFrom(parseRecipe(readFileSync(file), { file })).permits : [];
}
