import { createHash, randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { type Context, syncDirectory } from '../state/index.ts';
import { deleteRecord, putRecord, readRecords } from './layer-index.ts';
import { identityOf, type LayerRecord } from './record.ts';
import { run } from './run.ts';

const workPrefix = 'import-';
/** In a work directory: base names of images that are on their way into the store or out of it. */
const intentName = 'intent';

/** A directory of its own for one import, 0700. */
export function openWork(ctx: Context): string {
  mkdirSync(ctx.paths.tmp, { recursive: true, mode: 0o700 });
  return mkdtempSync(join(ctx.paths.tmp, workPrefix));
}

/** Removes the work directory, and with it every image that it announced and that no record stands for. */
export async function closeWork(ctx: Context, work: string): Promise<void> {
  for (const image of readIntent(work)) if (!readRecords(ctx).has(image)) removePair(ctx, image);
  // Programs, because fs.rm cannot name files that are not UTF-8; and also after the command was cancelled.
  const uncancelled = { ...ctx, signal: new AbortController().signal };
  // Whoever is not root empties no directory that he may not write to.
  if (process.geteuid?.() !== 0) await run(uncancelled, 'chmod', ['-R', '--silent', 'u+rwX', '--', work]);
  await run(uncancelled, 'rm', ['-rf', '--one-file-system', '--', work]);
}

/**
 * Puts an image and its manifest into the store: root's (an ordinary user's own), 0444, synced, linked in (which never replaces), and recorded. A crash before
 * the record leaves the announcement in the work directory, and `clearImports` takes the pair out again.
 */
export function storeImage(
  ctx: Context,
  work: string,
  image: string,
  manifest: string,
  about: Omit<LayerRecord, 'identity' | 'manifest'>,
): LayerRecord {
  mkdirSync(ctx.paths.layers, { recursive: true, mode: 0o755 });
  const list = join(work, 'manifest');
  writeFileSync(list, manifest);
  const places = [
    { from: list, to: listPath(ctx, about.image) },
    { from: image, to: imagePath(ctx, about.image) },
  ];
  if (readRecords(ctx).has(about.image)) throw exists(about.image);
  for (const { from } of places) seal(from);
  announce(work, about.image);
  ctx.at('import:announced');
  // What lies there without a record cannot be used; whoever has it mounted keeps the old file.
  removePair(ctx, about.image);
  for (const { from, to } of places) place(from, to);
  ctx.at('import:linked');
  // The record is of the file as it will stay: a link that goes away moves ctime.
  for (const { from } of places) unlinkSync(from);
  syncDirectory(ctx.paths.layers);
  ctx.at('import:stored');
  const fd = openSync(imagePath(ctx, about.image), 'r');
  try {
    const digest = createHash('sha256').update(manifest).digest('hex');
    const record = { ...about, manifest: digest, identity: identityOf(fd) };
    putRecord(ctx, record);
    ctx.at('import:indexed');
    return record;
  } finally {
    closeSync(fd);
  }
}

/** Takes a layer out: announced first, so that a crash half-way is finished by `clearImports`. */
export async function unstoreImage(ctx: Context, image: string): Promise<void> {
  const work = openWork(ctx);
  try {
    announce(work, image);
    ctx.at('remove:announced');
    deleteRecord(ctx, image);
    ctx.at('remove:unrecorded');
  } finally {
    await closeWork(ctx, work);
  }
}

/**
 * Removes what a crash left: work directories, images that were announced and not recorded, manifests without an image. Returns a
 * sentence for each. Images that are unknown for another reason (a lost layers.json) are kept: a generation may need them.
 */
export async function clearImports(ctx: Context): Promise<string[]> {
  const done: string[] = [];
  for (const name of namesIn(ctx.paths.tmp).filter(name => name.startsWith(workPrefix))) {
    await closeWork(ctx, join(ctx.paths.tmp, name));
    done.push(`an import that did not end was cleared away (${name})`);
  }
  const stored = new Set(namesIn(ctx.paths.layers));
  for (const name of stored) {
    if (!name.endsWith('.lst') || stored.has(imageOf(name)) || readRecords(ctx).has(imageOf(name))) continue;
    unlinkSync(join(ctx.paths.layers, name));
    done.push(`${name} had no image and was removed`);
  }
  for (const message of done) ctx.log.info({}, message);
  return done;
}

/** Images of the store that no record stands for: they are not used until they are imported again. */
export function unknownImages(ctx: Context): string[] {
  const records = readRecords(ctx);
  return namesIn(ctx.paths.layers)
    .filter(name => name.endsWith('.img') && !records.has(name))
    .sort();
}

export function imagePath(ctx: Context, image: string): string {
  return join(ctx.paths.layers, basename(image));
}

export function listPath(ctx: Context, image: string): string {
  return join(ctx.paths.layers, basename(image).replace(/\.img$/, '.lst'));
}

export function isStored(ctx: Context, image: string): boolean {
  return existsSync(imagePath(ctx, image)) || existsSync(listPath(ctx, image));
}

function imageOf(list: string): string {
  return list.replace(/\.lst$/, '.img');
}

function seal(path: string): void {
  if (process.geteuid?.() === 0) chownSync(path, 0, 0);
  chmodSync(path, 0o444);
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** link(2) fails where rename(2) would replace. */
function place(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw exists(basename(to));
  }
}

function exists(image: string): NanolinError {
  return new NanolinError(
    'layer-exists',
    `${image} is in the store already`,
    'give another version with --version, or remove the old one: nanolin layer remove',
  );
}

function announce(work: string, image: string): void {
  const path = join(work, intentName);
  const fd = openSync(`${path}.${randomBytes(4).toString('hex')}`, 'ax', 0o600);
  try {
    writeFileSync(fd, image);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  syncDirectory(work);
}

function readIntent(work: string): string[] {
  return namesIn(work)
    .filter(name => name.startsWith(`${intentName}.`))
    .map(name => basename(readFileSync(join(work, name), 'utf8')))
    .filter(image => image.endsWith('.img'));
}

/** With the recipe that the package room keeps beside them, where there is one. */
function removePair(ctx: Context, image: string): void {
  const recipe = imagePath(ctx, image).replace(/\.img$/, '.rcp');
  for (const path of [imagePath(ctx, image), listPath(ctx, image), recipe]) rmSync(path, { force: true });
  if (existsSync(ctx.paths.layers)) syncDirectory(ctx.paths.layers);
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
