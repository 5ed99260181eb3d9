import { createHash } from 'node:crypto';
import { closeSync, existsSync, fstatSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { type Entry, imageStem, type ManifestHeader, printManifest } from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { extensionName } from './extension.ts';
import { readRecords } from './layer-index.ts';
import { makeImage } from './make.ts';
import type { Named } from './name-source.ts';
import { openVerified } from './open.ts';
import { pickStamp } from './pick-stamp.ts';
import { readImage } from './read-image.ts';
import { hashFile } from './read-source.ts';
import type { LayerRecord } from './record.ts';
import { listPath, storeImage } from './store.ts';
import type { ImageFormat } from './superblock.ts';
import { ownsAll, type ToldEntries } from './told.ts';
import { walkTree } from './walk.ts';

/** How what was unpacked becomes a layer. */
export interface Origin {
  /** As the admin wrote it. */
  readonly origin: string;
  /** Name and version, where a system extension may say its own. */
  readonly named: (extension: { name?: string }) => Named;
  readonly format: ImageFormat | undefined;
  /** SHA-256 of the source file; without one the tree itself is the measure. */
  readonly source?: string;
  /** Paths of configuration files, byte strings. */
  readonly conffiles?: ReadonlySet<string>;
  /** What the staged files could not be given. */
  readonly told?: ToldEntries | null;
}

/** Makes an image of a staged tree and stores it. A tree that the store has under this name and version already is not stored again. */
export async function keepTree(
  ctx: Context,
  work: string,
  tree: string,
  origin: Origin,
): Promise<LayerRecord> {
  const found = await walkTree(ctx, tree, origin.origin, origin.told);
  const entries = withConfigTags(found, origin.conffiles);
  ctx.at('import:walked');
  const named = origin.named(extensionName(entries));
  const layer = layerNamed(named, pickStamp(ctx, named));
  const source = origin.source ?? createHash('sha256').update(printBody(layer, entries)).digest('hex');
  const known = await findReusable(ctx, source, {
    name: layer.name,
    version: layer.version,
    format: origin.format,
  });
  if (known) return known;
  const sealed = await sealTree(ctx, work, tree, { ...layer, entries, format: origin.format ?? 'erofs' });
  return storeSealed(ctx, work, sealed, { origin: origin.origin, source });
}

/** An image of a tree with its manifest, made and not stored. */
export interface Sealed extends About {
  readonly format: ImageFormat;
  /** Bytes. */
  readonly size: number;
  readonly digest: string;
  readonly entries: readonly Entry[];
  /** Where the image lies. */
  readonly file: string;
  readonly manifest: string;
}

/** Makes the image of a staged tree whose entries were read by `walkTree`. */
export async function sealTree(
  ctx: Context,
  work: string,
  tree: string,
  about: Named & { stamp: string; entries: readonly Entry[]; format: ImageFormat },
): Promise<Sealed> {
  const { entries, format } = about;
  const layer = layerNamed(about, about.stamp);
  const file = join(work, 'image');
  await makeImage(ctx, format, tree, file, layer, ownsAll() ? null : entries);
  ctx.at('import:image');
  const { digest, size } = await measure(ctx, file, layer.name);
  const manifest = printHead(layer, size, digest) + printBody(layer, entries);
  return { ...layer, format, size, digest, entries, file, manifest };
}

/** Stores what `sealTree` made; `work` has to be the directory of `openWork`. */
export function storeSealed(
  ctx: Context,
  work: string,
  { entries, file, manifest, ...layer }: Sealed,
  { origin, source }: { origin: string; source: string },
): LayerRecord {
  return storeImage(ctx, work, file, manifest, {
    ...layer,
    origin,
    trust: 'made',
    files: entries.length,
    source,
  });
}

function layerNamed({ name, version }: Named, stamp: string): About {
  return { name, version, stamp, image: `${imageStem({ name, version, stamp })}.img` };
}

/** Looks through a foreign image, mounted where nobody else sees it, and stores it as it is. `image` is a copy of ours. */
export async function keepImage(
  ctx: Context,
  work: string,
  image: string,
  origin: Origin & { source: string },
): Promise<LayerRecord> {
  const { format, entries, size } = await readImage(ctx, work, image, origin.origin);
  ctx.at('import:walked');
  const named = origin.named(extensionName(entries));
  const layer = layerNamed(named, pickStamp(ctx, named));
  const manifest = printHead(layer, size, origin.source) + printBody(layer, entries);
  return storeImage(ctx, work, image, manifest, {
    ...{
      ...layer,
      format,
      size,
      digest: origin.source,
      origin: origin.origin,
      trust: 'accepted',
      files: entries.length,
      source: origin.source,
    },
  });
}

interface Like {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly format?: ImageFormat | undefined;
  readonly origin?: string;
}

/** A layer that was made from this very source and whose image is as it was stored. */
export async function findReusable(
  ctx: Context,
  source: string | null,
  like: Like,
): Promise<LayerRecord | null> {
  const wanted = Object.entries(like).filter(([, value]) => value !== undefined) as [keyof Like, string][];
  for (const record of readRecords(ctx).values()) {
    if (record.source !== source || wanted.some(([key, value]) => record[key] !== value)) continue;
    if (!existsSync(listPath(ctx, record.image))) continue;
    try {
      (await openVerified(ctx, record))[Symbol.dispose]();
      return record;
    } catch (error) {
      if (!(error instanceof NanolinError) || error.code === 'cancelled') throw error;
      ctx.log.warn({ image: record.image }, `imported again: ${error.message}`);
    }
  }
  return null;
}

type About = Pick<LayerRecord, 'name' | 'version' | 'stamp' | 'image'>;

/** The manifest's text without its header, which needs the image's digest. */
function printBody(layer: About, entries: readonly Entry[]): string {
  const text = printManifest({ header: header(layer, 0, '0'.repeat(64)), entries });
  return text.slice(bodyStart(text));
}

function printHead(layer: About, size: number, digest: string): string {
  const root: Entry = { path: '', type: 'dir', mode: 0, uid: 0, gid: 0 };
  const text = printManifest({ header: header(layer, size, digest), entries: [root] });
  return text.slice(0, bodyStart(text));
}

/** Where the line of the root begins, after the lines of the header. */
function bodyStart(text: string): number {
  return text.indexOf('\n. ') + 1;
}

function header({ name, version, stamp, image }: About, size: number, sha256: string): ManifestHeader {
  return { package: name, version, stamp, image, size, sha256 };
}

async function measure(
  ctx: Context,
  image: string,
  subject: string,
): Promise<{ digest: string; size: number }> {
  const fd = openSync(image, 'r');
  try {
    const { size } = fstatSync(fd);
    return { digest: await hashFile(ctx, fd, { task: 'hash', subject, size }), size };
  } finally {
    closeSync(fd);
  }
}

function withConfigTags(
  entries: readonly Entry[],
  conffiles: ReadonlySet<string> | undefined,
): readonly Entry[] {
  if (!conffiles?.size) return entries;
  return entries.map(entry =>
    conffiles.has(entry.path) ? { ...entry, tags: [...(entry.tags ?? []), 'config'] } : entry,
  );
}
