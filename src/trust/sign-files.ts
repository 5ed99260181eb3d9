import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { basename } from 'node:path';
import { asNanolinError, NanolinError } from '../error/index.ts';
import {
  maxManifestBytes,
  type PackageSums,
  parseManifest,
  printSums,
  type SecretKey,
  signEmbedded,
  unsealKey,
} from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { readSealed } from './key-directory.ts';
import { putFile } from './put-file.ts';
import { readBounded } from './read-bounded.ts';
import { noKey } from './report-keys.ts';

interface Signing {
  /** Name of the key. */
  readonly key: string;
  /** Asked for its pass-phrase when it has one. */
  readonly password: () => Promise<string>;
}

/**
 * Writes STEM.sig beside STEM.img and STEM.lst, for every path without its suffix; returns the paths of the signatures. What no
 * import would take (a manifest of another image) is not signed. Throws key-missing, key-invalid, refused for a wrong pass-phrase.
 */
export async function signFiles(
  ctx: Context,
  stems: readonly string[],
  { key, password }: Signing,
): Promise<string[]> {
  const secret = await openSecret(ctx, key, password);
  const signatures: string[] = [];
  for (const stem of stems) {
    const text = printSums(basename(stem), await sumsOf(ctx, stem));
    const signature = signEmbedded(secret, Buffer.from(text), { keyName: key });
    putFile(`${stem}.sig`, signature, { mode: 0o644, over: 'replace' });
    signatures.push(`${stem}.sig`);
  }
  return signatures;
}

async function openSecret(ctx: Context, name: string, password: () => Promise<string>): Promise<SecretKey> {
  const found = readSealed(ctx, name);
  if (!found) throw noKey(ctx, name);
  if ('problem' in found) throw found.problem;
  return unsealKey(found.key, found.key.rounds === 0 ? null : await password());
}

/** Digests of a package's two files, which have to speak of each other. */
async function sumsOf(ctx: Context, stem: string): Promise<PackageSums> {
  const list = readBounded(`${stem}.lst`, { max: maxManifestBytes, code: 'image-invalid' });
  if (!list) throw new NanolinError('source-missing', `${stem}.lst does not exist`);
  const { header } = parseManifest(list.bytes, { file: `${stem}.lst` });
  const image = await hash(ctx, `${stem}.img`);
  if (
    header.image !== `${basename(stem)}.img` ||
    header.sha256 !== image.sha256 ||
    header.size !== image.size
  )
    throw new NanolinError(
      'image-invalid',
      `${stem}.lst is the manifest of another image: ${header.image}, ${header.size} bytes, ${header.sha256}`,
      'make the package again',
    );
  return { image: image.sha256, manifest: createHash('sha256').update(list.bytes).digest('hex') };
}

async function hash(ctx: Context, path: string): Promise<{ sha256: string; size: number }> {
  try {
    const total = statSync(path).size;
    const digest = createHash('sha256');
    let size = 0;
    for await (const part of createReadStream(path, { highWaterMark: 2 ** 20, signal: ctx.signal })) {
      digest.update(part);
      size += part.length;
      ctx.progress({ task: 'hash', subject: basename(path), done: size, total });
    }
    return { sha256: digest.digest('hex'), size };
  } catch (error) {
    if (ctx.signal.aborted) throw new NanolinError('cancelled', `reading ${path} was stopped`);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT')
      throw new NanolinError('source-missing', `${path} does not exist`, undefined, { cause: error });
    throw asNanolinError(error);
  }
}
