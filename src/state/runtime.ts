import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import type { Who } from './who.ts';

/** Where an ordinary user's runtime files lie; `instead` says why it is not the directory that the session has for them. */
export interface Runtime {
  readonly path: string;
  readonly instead: string | null;
}

/**
 * `$XDG_RUNTIME_DIR/nanolin`. A session without one, or one that is not the user's alone, gets `/tmp/nanolin-UID`, which is made here,
 * because a name in /tmp is anybody's to take: what is there already is used only if it is a directory of ours, 0700. The sticky bit
 * keeps it ours then. Throws refused.
 */
export function runtimeDirectory({ uid, env }: Pick<Who, 'uid' | 'env'>, shared = '/tmp'): Runtime {
  const given = env.XDG_RUNTIME_DIR;
  const instead = given ? lookAt(given, uid) : 'is not set';
  if (given && instead === null) return { path: join(given, 'nanolin'), instead };
  const path = join(shared, `nanolin-${uid}`);
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  const why = lookAt(path, uid);
  if (why !== null)
    throw new NanolinError(
      'refused',
      `$XDG_RUNTIME_DIR ${instead}, and ${path} ${why}`,
      'set XDG_RUNTIME_DIR to a directory of your own with mode 0700',
    );
  return { path, instead: `$XDG_RUNTIME_DIR ${instead}` };
}

/** Why a directory is not the user's alone, or null. */
function lookAt(path: string, uid: number): string | null {
  if (!path.startsWith('/')) return 'is not an absolute path';
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (!stat) return 'does not exist';
  if (!stat.isDirectory()) return 'is not a directory';
  if (stat.uid !== uid) return `belongs to user ${stat.uid}`;
  return (stat.mode & 0o077) === 0 ? null : 'may be entered by others';
}
