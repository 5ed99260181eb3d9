import { basename } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { isPackageName, isVersion, parseImageName } from '../formats/index.ts';

export interface Named {
  readonly name: string;
  readonly version: string;
  /** Only an image's full name says it. */
  readonly stamp?: string;
}

const suffix = /\.(?:tar(?:\.[a-z0-9]+)?|t[gx]z|tzst|deb|img|raw|erofs|squashfs|sqfs|sqsh)$/i;

/**
 * Name and version that a path tells: `NAME-vVERSION-STAMP.img` in full, else `NAME-1.2.tar.gz`, `NAME_1.2`, or the bare name.
 * What says no version has version 0. `known` (a control file, an extension release, the admin's options) wins over the path.
 */
export function nameSource(
  path: string,
  known: { name?: string | undefined; version?: string | undefined },
): Named {
  const base = basename(path);
  const image = parseImageName(base);
  const stem = base.replace(suffix, '');
  const [, stemName, stemVersion] = /^(.*?)[-_]v?(\d[A-Za-z0-9.+~]*)$/.exec(stem) ?? [];
  const told = image ?? { name: plainName(stemName ?? stem), version: stemVersion };
  const name = known.name ?? told.name;
  const version =
    known.version ?? (told.version !== undefined && isVersion(told.version) ? told.version : '0');
  if (!isPackageName(name))
    throw new NanolinError(
      'usage',
      `${JSON.stringify(base.slice(0, 80))} tells no name for the layer`,
      'give one with --name: [a-z0-9][a-z0-9+._-]*',
    );
  return { name, version, ...(image && !known.name && !known.version ? { stamp: image.stamp } : {}) };
}

/** Lower case, and `-` for what a name may not hold. */
export function plainName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9+._-]+/g, '-')
    .replace(/^[^a-z0-9]+/, '')
    .slice(0, 100);
}
