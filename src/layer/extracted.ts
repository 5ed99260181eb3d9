import { createHash, randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, readdirSync, readFileSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { parseManifest } from '../formats/index.ts';
import { AT_FDCWD, native, O_DIRECTORY, O_PATH } from '../kernel/index.ts';
import { type Context, replaceFile, syncDirectory } from '../state/index.ts';
import { readRecords } from './layer-index.ts';
import { readManifest } from './list.ts';
import type { OpenImage } from './open.ts';
import { closeWork, openWork } from './store.ts';
import type { Layer } from './types.ts';

/** A tree and, beside it, what it was when it was checked. */
const treeIn = (home: string) => join(home, 'tree');
const sealIn = (home: string) => join(home, 'seal');

/**
 * The root of a layer's tree in the cache var/lib/extracted/DIGEST, as an O_PATH descriptor. The tree is extracted once, beside the cache,
 * held to the manifest, and renamed into place whole. Its owner could write to it: a tree that was touched since is thrown away and
 * extracted again, as an image that was touched is hashed again. Throws image-invalid, no-space, needs-program or command-failed.
 */
export async function extractedTree(
  ctx: Context,
  layer: Pick<Layer, 'name' | 'image' | 'digest'>,
  image: Pick<OpenImage, 'fd' | 'format'>,
): Promise<number> {
  const home = join(ctx.paths.extracted, layer.digest);
  if (!isSealed(home)) {
    const work = openWork(ctx);
    try {
      setAside(home);
      const made = join(work, 'extracted');
      mkdirSync(made, { mode: 0o700 });
      const { checkExtracted, extractImage } = await import('./extract.ts');
      const { entries } = parseManifest(readManifest(ctx, layer), { file: layer.image });
      await extractImage(ctx, image, treeIn(made), layer.name);
      ctx.at('extract:unpacked');
      await checkExtracted(ctx, treeIn(made), entries, layer);
      sync(treeIn(made));
      replaceFile(sealIn(made), fingerprint(treeIn(made)));
      ctx.at('extract:sealed');
      place(made, home);
    } finally {
      await closeWork(ctx, work);
    }
  }
  return native.openat2(AT_FDCWD, treeIn(home), O_PATH | O_DIRECTORY, 0, 0);
}

/** Removes the trees of layers that the store has no more, and with `needed` those that it does not name. */
export async function releaseExtracted(ctx: Context, needed?: ReadonlySet<string>): Promise<void> {
  const stored = new Set(Array.from(readRecords(ctx).values(), ({ digest }) => digest));
  const unneeded = namesIn(ctx.paths.extracted).filter(
    digest => !stored.has(digest) || needed?.has(digest) === false,
  );
  if (unneeded.length === 0) return;
  const work = openWork(ctx);
  try {
    for (const digest of unneeded) renameSync(join(ctx.paths.extracted, digest), join(work, digest));
  } finally {
    await closeWork(ctx, work);
  }
}

/** Out of the cache in one step. The stack that is on may read it still: it goes when the next command looks for what is unneeded. */
function setAside(home: string): void {
  try {
    renameSync(home, `${home}.${randomBytes(4).toString('hex')}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

/** Who was quicker has put the same tree there. */
function place(made: string, home: string): void {
  mkdirSync(join(home, '..'), { recursive: true, mode: 0o700 });
  try {
    renameSync(made, home);
  } catch (error) {
    if (!['EEXIST', 'ENOTEMPTY'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
  }
  syncDirectory(join(home, '..'));
}

function isSealed(home: string): boolean {
  try {
    return readFileSync(sealIn(home), 'utf8') === fingerprint(treeIn(home));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR', 'EACCES'].includes((error as NodeJS.ErrnoException).code ?? '')) return false;
    throw error;
  }
}

/** Over what changes with every write, chmod, link or new name: a name that comes or goes moves its directory's times. */
function fingerprint(tree: string): string {
  const hash = createHash('sha256');
  const visit = (path: Buffer) => {
    const stat = lstatSync(path, { bigint: true });
    hash.update(`${stat.ino}:${stat.mode}:${stat.uid}:${stat.size}:${stat.mtimeNs}:${stat.ctimeNs}\n`);
    if (!stat.isDirectory()) return;
    for (const name of readdirSync(path, { encoding: 'buffer' }).sort(Buffer.compare))
      visit(Buffer.concat([path, Buffer.from('/'), name]));
  };
  visit(Buffer.from(tree));
  return hash.digest('hex');
}

/** What is renamed into place has to outlive a power cut whole. */
function sync(tree: string): void {
  const fd = native.openat2(AT_FDCWD, tree, O_DIRECTORY, 0, 0);
  try {
    native.syncfs(fd);
  } finally {
    native.close(fd);
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
