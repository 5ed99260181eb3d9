import { join } from 'node:path';

/** Where everything lives below --root. Targets of profiles are paths of the mount namespace and are not below it. */
export interface Paths {
  readonly root: string;
  /** NAME.rcp, the admin's. */
  readonly profiles: string;
  readonly keys: string;
  /** Write-once images NAME-vVERSION-STAMP.img with .lst beside them. */
  readonly layers: string;
  /** Durable records: layers.json, and the directories below. */
  readonly state: string;
  /** One file a generation, N.json; the highest is the committed one. */
  readonly generations: string;
  /** Uppers of WRITING persist, one directory per profile and target. */
  readonly uppers: string;
  /** What does not outlive a boot: lock, mounts.json, uppers of WRITING volatile. */
  readonly run: string;
  /** Scratch space for imports; what a crash leaves here is removed by recover. */
  readonly tmp: string;
}

export function pathsBelow(root: string, overrides: { profiles?: string } = {}): Paths {
  const lib = join(root, 'var/lib/nanolin');
  return {
    root,
    profiles: overrides.profiles ?? join(root, 'etc/nanolin/profiles'),
    keys: join(root, 'etc/nanolin/keys'),
    layers: join(lib, 'layers'),
    state: lib,
    generations: join(lib, 'generations'),
    uppers: join(lib, 'uppers'),
    run: join(root, 'run/nanolin'),
    tmp: join(lib, 'tmp'),
  };
}
