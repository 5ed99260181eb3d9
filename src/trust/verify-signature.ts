import { openEmbedded, type PackageSums, parseSums } from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { trustedKeys } from './trusted.ts';
import type { TrustedKey } from './types.ts';

/**
 * What a trusted key says of the package STEM.img and STEM.lst, in the bytes of STEM.sig: the caller holds the files to it. Throws
 * unsigned when nobody who is trusted signed it, signature-invalid for everything that is wrong with it.
 */
export function verifySignature(
  ctx: Context,
  bytes: Uint8Array,
  { file, stem }: { file: string; stem: string },
): { key: TrustedKey; sums: PackageSums } {
  const { key, text } = openEmbedded(trustedKeys(ctx), bytes, { file });
  return { key, sums: parseSums(text, { file, stem }) };
}
