import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { imageStem } from '../formats/index.ts';
import { findLayer } from '../layer/index.ts';
import type { Context } from '../state/index.ts';
import { signFiles } from '../trust/index.ts';

/** Signs packages by the path of one of their files, or layers of the store by name. Returns the signatures' paths. */
export async function signPackages(
  ctx: Context,
  asked: readonly string[],
  signing: { key: string; password: () => Promise<string> },
): Promise<string[]> {
  const stems: string[] = [];
  for (const one of asked) {
    const path = resolve(one.replace(/\.(img|lst|rcp|sig)$/, ''));
    const isFile = one.includes('/') || existsSync(`${path}.img`);
    stems.push(isFile ? path : join(ctx.paths.layers, imageStem(await findLayer(ctx, one))));
  }
  return signFiles(ctx, stems, signing);
}
