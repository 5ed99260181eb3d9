import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { basename } from 'node:path';
import { NanolinError } from '../error/index.ts';
import {
  type Manifest,
  maxManifestBytes,
  maxSignifyBytes,
  parseManifest,
  stampTooNew,
} from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { readBounded, type TrustedKey, verifySignature } from '../trust/index.ts';
import { compareEntries } from './compare-entries.ts';
import type { Origin } from './keep.ts';
import { putRecord, readRecords } from './layer-index.ts';
import { checkFile, openImage, rehash } from './open.ts';
import { readImage } from './read-image.ts';
import type { LayerRecord } from './record.ts';
import { storeImage } from './store.ts';
import type { ImageFormat } from './superblock.ts';

/** What a trusted key signed: an image by its digest, and the manifest that says what is in it. */
export interface Signed {
  readonly key: TrustedKey;
  readonly manifest: Manifest;
  /** The manifest as it was signed. */
  readonly text: string;
  /** SHA-256 of it. */
  readonly digest: string;
}

/**
 * Reads STEM.sig and STEM.lst beside STEM.img; null where there is no signature. Holds them to each other: a trusted key signed
 * these digests for this name, the manifest has its digest, and its header names this image with the signed digest and this size.
 * Nothing of the image is read for it. Throws unsigned, signature-invalid or image-invalid.
 */
export function readSigned(ctx: Context, image: { path: string; size: number }): Signed | null {
  const stem = image.path.replace(/\.img$/, '');
  const file = `${stem}.sig`;
  const signature = readBounded(file, { max: maxSignifyBytes, code: 'signature-invalid' });
  if (!signature) return null;
  const { key, sums } = verifySignature(ctx, signature.bytes, { file, stem: basename(stem) });
  const list = readBounded(`${stem}.lst`, { max: maxManifestBytes, code: 'image-invalid' });
  if (!list) throw invalid(`${file} speaks of ${basename(stem)}.lst, which is not beside it`);
  const digest = createHash('sha256').update(list.bytes).digest('hex');
  if (digest !== sums.manifest) throw invalid(`${stem}.lst is not the manifest that ${key.name} signed`);
  const manifest = parseManifest(list.bytes, { file: `${stem}.lst` });
  const { header } = manifest;
  if (header.image !== `${basename(stem)}.img`) throw invalid(`${stem}.lst speaks of ${header.image}`);
  if (header.sha256 !== sums.image) throw invalid(`${stem}.lst speaks of an image with another digest`);
  if (header.size !== image.size)
    throw invalid(`${image.path} has ${image.size} bytes, its signed manifest says ${header.size}`);
  if (stampTooNew(header.stamp, ctx.now()))
    throw new NanolinError('refused', `${header.image} was made in the future`, 'set the clock');
  return { key, manifest, text: list.bytes.toString('latin1'), digest };
}

/** Throws usage where the admin asks for another name: what is signed has its name from who signed it. */
export function checkNames(
  { manifest: { header } }: Signed,
  asked: { name?: string; version?: string },
): void {
  if (
    (asked.name ?? header.package) === header.package &&
    (asked.version ?? header.version) === header.version
  )
    return;
  throw new NanolinError(
    'usage',
    `${header.image} is signed as ${header.package} ${header.version} and stays what it is`,
    'leave --name and --version away',
  );
}

/** Stores a signed image whose bytes are known to be the signed ones, once its tree is what the manifest says. */
export async function keepSigned(
  ctx: Context,
  work: string,
  image: string,
  origin: Pick<Origin, 'origin'>,
  { key, manifest: { header, entries }, text }: Signed,
): Promise<LayerRecord> {
  const found = await readImage(ctx, work, image, origin.origin);
  ctx.at('import:walked');
  const difference = compareEntries(entries.map(found.known), found.entries);
  if (difference !== null) throw invalid(`${origin.origin}: ${difference}`);
  return storeImage(ctx, work, image, text, {
    ...{ name: header.package, version: header.version, stamp: header.stamp, image: header.image },
    ...{ format: found.format, size: header.size, digest: header.sha256, source: header.sha256 },
    ...{ origin: origin.origin, files: entries.length, trust: 'signed' },
    ...{ signedBy: key.name, signer: key.fingerprint },
  });
}

/**
 * The layer that the store has of this image and manifest already, with this signature put on record: so a key is replaced, and an
 * image that was taken in unsigned gets a signature, while it is in use. Null where the store has none, or not whole any more.
 */
export async function renewSigned(
  ctx: Context,
  { key, manifest: { header }, digest }: Signed,
  format: ImageFormat | undefined,
): Promise<LayerRecord | null> {
  const record = readRecords(ctx).get(header.image);
  if (record?.digest !== header.sha256 || record.manifest !== digest) return null;
  if ((format !== undefined && format !== record.format) || !(await isWhole(ctx, record))) return null;
  if (record.trust === 'made' || record.signer === key.fingerprint) return record;
  const renewed: LayerRecord = { ...record, trust: 'signed', signedBy: key.name, signer: key.fingerprint };
  putRecord(ctx, renewed);
  return renewed;
}

async function isWhole(ctx: Context, record: LayerRecord): Promise<boolean> {
  try {
    const fd = openImage(ctx, record);
    try {
      checkFile(ctx, record, fd);
      return (await rehash(ctx, fd, record)) === record.digest;
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (!(error instanceof NanolinError) || error.code === 'cancelled') throw error;
    ctx.log.warn({ image: record.image }, `imported again: ${error.message}`);
    return false;
  }
}

function invalid(message: string): NanolinError {
  return new NanolinError('image-invalid', message, 'fetch image, manifest and signature again, all three');
}
