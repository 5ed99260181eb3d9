import { chmodSync, chownSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Context } from '../state/index.ts';
import type { UpperPlace } from './plan.ts';
import type { MountRecord } from './record.ts';
import type { Writing } from './types.ts';

/**
 * Directories of a writable stack: one upper per profile and target. A persist upper is below var/lib and stays; a volatile one
 * is below run and goes when its profile does.
 */
export function upperPlace(
  ctx: Context,
  writing: Writing,
  profile: string,
  target: string,
  generation: number,
): UpperPlace {
  const home = join(
    writing === 'persist' ? ctx.paths.uppers : volatileUppers(ctx),
    profile,
    escapeTarget(target),
  );
  const upper = join(home, 'upper');
  return { upper, work: workBeside(upper, generation) };
}

/** Makes the directories; the upper's root takes owner and mode of what it covers (UNION: a merged directory's attributes are the topmost's). */
export function prepareUpper(place: UpperPlace, covered: string): void {
  const made = mkdirSync(place.upper, { recursive: true });
  rmSync(place.work, { recursive: true, force: true });
  mkdirSync(place.work, { mode: 0o700 });
  if (made === undefined) return;
  const model = statSync(covered);
  try {
    chownSync(place.upper, model.uid, model.gid);
  } catch (error) {
    // An ordinary user's things are his own.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
  }
  chmodSync(place.upper, model.mode & 0o7777);
}

/**
 * Removes volatile uppers that no mount uses, and work directories except those of the mounts in use and of the ones that were just
 * replaced, which may still finish what they began.
 */
export function releaseUppers(
  ctx: Context,
  used: readonly MountRecord[],
  replaced: readonly MountRecord[],
): void {
  const inUse = new Set(used.flatMap(({ upper }) => (upper ? [dirname(upper)] : [])));
  const works = new Set(
    [...used, ...replaced].flatMap(({ upper, generation, server }) =>
      upper ? [server?.work ?? workBeside(upper, generation)] : [],
    ),
  );
  for (const root of [ctx.paths.uppers, volatileUppers(ctx)])
    for (const home of listed(root).flatMap(listed)) {
      if (root !== ctx.paths.uppers && !inUse.has(home)) rmSync(home, { recursive: true, force: true });
      for (const entry of listed(home))
        if (basename(entry) !== 'upper' && !works.has(entry)) rmSync(entry, { recursive: true, force: true });
    }
}

const workBeside = (upper: string, generation: number) => join(dirname(upper), `work-${generation}`);
const volatileUppers = (ctx: Context) => join(ctx.paths.run, 'uppers');

/** `/usr/local` is `usr-local`; a dash in a name is doubled, so that no two targets share a name. */
function escapeTarget(target: string): string {
  return target.slice(1).replaceAll('-', '--').replaceAll('/', '-');
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory).map(name => join(directory, name));
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return [];
    throw error;
  }
}
