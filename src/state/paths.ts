import { join, resolve } from 'node:path';
import { runtimeDirectory } from './runtime.ts';
import { ordinaryUser, type Who } from './who.ts';

/** Where everything lives below --root. Targets of profiles are paths of the mount namespace and are not below it. */
export interface Paths {
  readonly root: string;
  /** NAME.rcp, the admin's. */
  readonly profiles: string;
  readonly keys: string;
  /** Write-once images NAME-vVERSION-STAMP.img with .lst beside them. */
  readonly layers: string;
  /** Trees of images that can be read in no other way, DIGEST/tree. */
  readonly extracted: string;
  /** Durable records: layers.json, and the directories below. */
  readonly state: string;
  /** One file a generation, N.json; the highest is the committed one. */
  readonly generations: string;
  /** Uppers of WRITING persist, one directory per profile and target. */
  readonly uppers: string;
  /** What does not outlive a boot: lock, mounts.json, uppers of WRITING volatile. */
  readonly run: string;
  /** Where images are mounted that a program reads, by digest. */
  readonly images: string;
  /** Scratch space for imports; what a crash leaves here is removed by recover. */
  readonly tmp: string;
}

interface Homes {
  readonly root: string;
  readonly etc: string;
  readonly lib: string;
  readonly run: string;
}

interface Overrides {
  readonly profiles?: string | undefined;
}

/** Everything below a directory, as --root has it. */
export function pathsBelow(root: string, overrides: Overrides = {}): Paths {
  return pathsIn(
    {
      root,
      etc: join(root, 'etc/nanolin'),
      lib: join(root, 'var/lib/nanolin'),
      run: join(root, 'run/nanolin'),
    },
    overrides,
  );
}

/**
 * Below --root where one is named, else below `/` for root and in an ordinary user's own directories (XDG Base Directory Specification
 * 0.8). Throws refused when there is no safe place for what does not outlive a boot.
 */
export function choosePaths(
  { root, profiles }: Overrides & { readonly root?: string | undefined },
  who: Who,
): Paths {
  const overrides = profiles === undefined ? {} : { profiles: resolve(profiles) };
  if (root !== undefined || !ordinaryUser(who)) return pathsBelow(resolve(root ?? '/'), overrides);
  const { env, home } = who;
  // The specification: what is not absolute is invalid and ignored.
  const base = (given: string | undefined, otherwise: string) =>
    join(given?.startsWith('/') ? given : join(home, otherwise), 'nanolin');
  return pathsIn(
    {
      root: '/',
      etc: base(env.XDG_CONFIG_HOME, '.config'),
      lib: base(env.XDG_STATE_HOME, '.local/state'),
      run: runtimeDirectory(who).path,
    },
    overrides,
  );
}

function pathsIn({ root, etc, lib, run }: Homes, { profiles }: Overrides): Paths {
  return {
    root,
    profiles: profiles ?? join(etc, 'profiles'),
    keys: join(etc, 'keys'),
    layers: join(lib, 'layers'),
    extracted: join(lib, 'extracted'),
    state: lib,
    generations: join(lib, 'generations'),
    uppers: join(lib, 'uppers'),
    run,
    images: join(run, 'images'),
    tmp: join(lib, 'tmp'),
  };
}
