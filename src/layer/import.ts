import { createHash } from 'node:crypto';
import { chmodSync, closeSync, mkdirSync, openSync, realpathSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { asNanolinError, NanolinError } from '../error/index.ts';
import { isPackageName, isVersion } from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { downloadDebs, resolveDebs } from './apt.ts';
import { readControl } from './deb.ts';
import { findReusable, keepImage, keepTree, type Origin } from './keep.ts';
import { mergeUsr } from './merged-usr.ts';
import { nameSource } from './name-source.ts';
import { checkBlob, isOciLayout, readOciLayout } from './oci.ts';
import { dropWhiteouts, mergeUnder } from './oci-merge.ts';
import { hashFile, type OpenSource, openSource, readHead } from './read-source.ts';
import { sameIdentity } from './record.ts';
import { checkNames, keepSigned, readSigned, renewSigned } from './signed.ts';
import { closeWork, openWork } from './store.ts';
import { headLength, type ImageFormat, looksLikeImage, readSuperblock } from './superblock.ts';
import { type ToldEntries, toldEntries } from './told.ts';
import type { ImportOptions, Layer } from './types.ts';
import { unpack } from './unpack.ts';

interface Import {
  readonly ctx: Context;
  readonly options: ImportOptions;
  /** As the admin wrote it. */
  readonly source: string;
  /** Scratch directory of this import. */
  readonly work: string;
  readonly told: ToldEntries | null;
}

/**
 * Brings a source into the store as one layer, `deb:NAME` with the dependencies that the base lacks as several, the asked-for one last.
 * What the store has from the same source already is returned as it is. The caller holds the writer's lock. A source is read as if an
 * enemy had made it; on any error the store is as before, but for dependencies that were already complete.
 */
export async function importLayer(
  ctx: Context,
  source: string,
  options: ImportOptions = {},
): Promise<Layer[]> {
  checkOptions(options);
  const work = openWork(ctx);
  try {
    return await importInto({ ctx, options, source, work, told: toldEntries() });
  } catch (error) {
    throw asNanolinError(error);
  } finally {
    await closeWork(ctx, work);
  }
}

async function importInto(job: Import): Promise<Layer[]> {
  const { source } = job;
  if (source.startsWith('deb:')) return importFromApt(job);
  if (isDirectory(source)) return [await importDirectory(job, realpathSync(source))];
  using file = openSource(source);
  const head = readHead(file.fd, headLength);
  if (looksLikeImage(head)) return [await importImage(job, file, head)];
  if (head.toString('latin1', 0, 8) === '!<arch>\n') return [await importDeb(job, file)];
  if (isArchive(head)) return [await importArchive(job, file)];
  return [await importImage(job, file, head)];
}

async function importFromApt(job: Import): Promise<Layer[]> {
  const { ctx, options, source, work } = job;
  const [name = '', version] = source.slice('deb:'.length).split(/=(.*)/s);
  ctx.progress({ task: 'resolve', subject: source });
  const candidates = await resolveDebs(ctx, name, version ?? null);
  const asked = candidates.at(-1);
  // The admin's name and version are for the package that was asked for.
  const chosen = (candidate: unknown): ImportOptions =>
    candidate === asked ? options : definedOnly({ format: options.format });
  const known: (Layer | null)[] = [];
  for (const candidate of candidates)
    known.push(await findReusable(ctx, candidate.sha256, chosen(candidate)));
  await downloadDebs(
    ctx,
    candidates.filter((_, i) => !known[i]),
    work,
  );
  const layers: Layer[] = [];
  for (const [i, candidate] of candidates.entries()) {
    const reused = known[i];
    if (reused) {
      layers.push(reused);
      continue;
    }
    const each = openWork(ctx);
    try {
      using file = openSource(join(work, candidate.file));
      const one = {
        ctx,
        options: chosen(candidate),
        source: `deb:${candidate.query}`,
        work: each,
        told: toldEntries(),
      };
      layers.push(await importDeb(one, file));
    } finally {
      await closeWork(ctx, each);
    }
  }
  return layers;
}

async function importDeb({ ctx, options, source, work, told }: Import, file: OpenSource): Promise<Layer> {
  // dpkg-deb wants a path and reads it several times: it gets a copy that nobody else can change.
  const copy = join(work, 'package.deb');
  const digest = await copySource(ctx, file, copy, source);
  const known = await findReusable(ctx, digest, like(options));
  if (known) return known;
  const control = await readControl(ctx, copy);
  const named = nameSource(file.path, {
    name: options.name ?? control.name,
    version: options.version ?? control.version,
  });
  if (control.scripts.length > 0)
    ctx.log.info(
      { layer: named.name, scripts: control.scripts },
      'the package has maintainer scripts, which are not run',
    );
  const tree = freshTree(work);
  await unpack(
    ctx,
    { from: 'program', program: 'dpkg-deb', args: ['--fsys-tarfile', copy] },
    tree,
    named.name,
    told,
  );
  mergeUsr(tree);
  ctx.at('import:unpacked');
  return keepTree(ctx, work, tree, {
    ...origin(source, file.path, options),
    named: () => named,
    source: digest,
    conffiles: control.conffiles,
    told,
  });
}

async function importArchive({ ctx, options, source, work, told }: Import, file: OpenSource): Promise<Layer> {
  const digest = await hashFile(ctx, file.fd, { task: 'hash', subject: basename(source), size: file.size });
  const known = await findReusable(ctx, digest, { ...like(options), origin: source });
  if (known) return known;
  const tree = freshTree(work);
  await unpackFile(ctx, file, tree, basename(source), told);
  ctx.at('import:unpacked');
  return keepTree(ctx, work, tree, { ...origin(source, file.path, options), source: digest, told });
}

async function importDirectory(job: Import, path: string): Promise<Layer> {
  const { ctx, options, source, work, told } = job;
  if (isOciLayout(path)) return importOci(job, path);
  const tree = freshTree(work);
  await unpack(ctx, { from: 'directory', path }, tree, basename(path), told);
  ctx.at('import:unpacked');
  return keepTree(ctx, work, tree, { ...origin(source, path, options), told });
}

async function importOci({ ctx, options, source, work, told }: Import, path: string): Promise<Layer> {
  const image = await readOciLayout(ctx, path);
  const named = nameSource(path, { version: versionOf(image.tag), ...definedOnly(options) });
  const digest = createHash('sha256')
    .update(image.layers.map(layer => layer.digest).join('\n'))
    .digest('hex');
  const known = await findReusable(ctx, digest, {
    ...like(options),
    name: named.name,
    version: named.version,
  });
  if (known) return known;
  const tree = freshTree(work);
  for (const [i, layer] of [...image.layers].reverse().entries()) {
    const under = i === 0 ? tree : freshTree(work, `layer${i}`);
    using blob = openSource(layer.path);
    await checkBlob(ctx, layer, blob.fd, blob.size);
    await unpackFile(ctx, blob, under, layer.digest.slice(0, 19), told);
    if (under !== tree) mergeUnder(Buffer.from(tree), Buffer.from(under));
  }
  dropWhiteouts(Buffer.from(tree));
  ctx.at('import:unpacked');
  return keepTree(ctx, work, tree, {
    ...origin(source, path, options),
    named: () => named,
    source: digest,
    told,
  });
}

/**
 * A foreign image: its own bytes are kept, after a copy that its owner cannot change any more was looked through. A signature beside it
 * is always held to: --unsigned is for images that nobody signed, not for signatures that do not fit.
 */
async function importImage(
  { ctx, options, source, work }: Import,
  file: OpenSource,
  head: Buffer,
): Promise<Layer> {
  const looked = about(source, () => readSuperblock(head, file.size));
  const signed = readSigned(ctx, file);
  if (signed) checkNames(signed, definedOnly({ name: options.name, version: options.version }));
  else if (!options.unsigned)
    throw new NanolinError(
      'unsigned',
      `${source} is an image that nobody signed`,
      'put its .sig and .lst beside it, or look at it, then say --unsigned to take it in for good',
    );
  if (options.format && options.format !== looked.format)
    throw new NanolinError(
      'usage',
      `${source} is ${looked.format} and stays what it is`,
      'import its directory to get another format',
    );
  const image = join(work, 'image');
  const digest = await copySource(ctx, file, image, source);
  if (signed && digest !== signed.manifest.header.sha256)
    throw new NanolinError(
      'image-invalid',
      `${source} is not the image that ${signed.key.name} signed`,
      'fetch it again',
    );
  const known = signed
    ? await renewSigned(ctx, signed, options.format)
    : await findReusable(ctx, digest, { ...like(options), origin: source });
  if (known) return known;
  ctx.at('import:image');
  if (signed) return keepSigned(ctx, work, image, { origin: source }, signed);
  return keepImage(ctx, work, image, { ...origin(source, file.path, options), source: digest });
}

async function copySource(ctx: Context, file: OpenSource, to: string, source: string): Promise<string> {
  const fd = openSync(to, 'wx', 0o600);
  try {
    return await hashFile(ctx, file.fd, { task: 'copy', subject: basename(source), size: file.size, to: fd });
  } finally {
    closeSync(fd);
  }
}

/** Throws source-unreadable when the file was written to since it was opened: what was hashed has to be what was unpacked. */
async function unpackFile(
  ctx: Context,
  file: OpenSource,
  tree: string,
  subject: string,
  told: ToldEntries | null,
): Promise<void> {
  await unpack(ctx, { from: 'archive', fd: file.fd }, tree, subject, told);
  if (!sameIdentity(file.fd, file.identity))
    throw new NanolinError('source-unreadable', `${subject} changed while it was read`);
}

function freshTree(work: string, name = 'tree'): string {
  const tree = join(work, name);
  mkdirSync(tree);
  // What the root of a layer has where the archive does not say.
  chmodSync(tree, 0o755);
  return tree;
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false;
}

/** gzip, xz, zstd, bzip2, or tar itself. libarchive knows many more formats; they are not worth their parsers. */
function isArchive(head: Buffer): boolean {
  const starts = ['1f8b', 'fd377a585a00', '28b52ffd', '425a68'].some(
    magic => head.toString('hex', 0, magic.length / 2) === magic,
  );
  return starts || head.toString('latin1', 257, 262) === 'ustar';
}

function origin(source: string, path: string, options: ImportOptions): Origin {
  const { name, version } = options;
  const told = definedOnly({ name, version });
  return {
    origin: source,
    format: options.format,
    named: extension => nameSource(path, { ...extension, ...told }),
  };
}

function like({ name, version, format }: ImportOptions): {
  name?: string;
  version?: string;
  format?: ImageFormat;
} {
  return definedOnly({ name, version, format });
}

function versionOf(tag: string | undefined): string | undefined {
  const version = tag
    ?.replace(/^.*:/, '')
    .replace(/^v(?=\d)/, '')
    .replaceAll('-', '+');
  return version !== undefined && isVersion(version) ? version : undefined;
}

function checkOptions({ name, version }: ImportOptions): void {
  if (name !== undefined && !isPackageName(name))
    throw new NanolinError(
      'usage',
      `${JSON.stringify(name.slice(0, 80))} cannot be a layer's name`,
      'a name is [a-z0-9][a-z0-9+._-]*',
    );
  if (version !== undefined && !isVersion(version))
    throw new NanolinError(
      'usage',
      `${JSON.stringify(version.slice(0, 80))} cannot be a layer's version`,
      'a version is [0-9][A-Za-z0-9.+~]*',
    );
}

function definedOnly<T extends object>(options: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

function about<T>(source: string, judge: () => T): T {
  try {
    return judge();
  } catch (error) {
    if (!(error instanceof NanolinError)) throw error;
    throw new NanolinError(error.code, `${source} is refused: ${error.message}`, error.hint, {
      cause: error,
    });
  }
}
