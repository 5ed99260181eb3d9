import { parseStamp } from './stamp.ts';

export interface ImageName {
  readonly name: string;
  readonly version: string;
  readonly stamp: string;
}

// NAME-vVERSION-STAMP.img stays below NAME_MAX (255) with room for a temporary suffix.
const maxLength = 100;

/** A package's name: `[a-z0-9][a-z0-9+._-]*`, at most 100 characters. No `/`, no leading `-` or `.`. */
export function isPackageName(s: string): boolean {
  return s.length <= maxLength && /^[a-z0-9][a-z0-9+._-]*$/.test(s);
}

/** A version: `[0-9][A-Za-z0-9.+~]*`, at most 100 characters. It has no `-`, so file names split from the right. */
export function isVersion(s: string): boolean {
  return s.length <= maxLength && /^[0-9][A-Za-z0-9.+~]*$/.test(s);
}

/**
 * Reads `NAME-vVERSION-rYY.MM-GDDHHMMSS`, bare or with `.img`, `.lst` or `.sig`, from the right: a name may hold `-v1`
 * itself. Takes a base name; null for anything else, also for a stamp that is no real date.
 */
export function parseImageName(file: string): ImageName | null {
  if (file.length > 255) return null;
  const match = /^(.+)-v([^-]+)-(r[^-]+-G\d+?)(?:\.(?:img|lst|sig))?$/.exec(file);
  const [, name, version, stamp] = match ?? [];
  if (name === undefined || version === undefined || stamp === undefined) return null;
  if (!isPackageName(name) || !isVersion(version) || parseStamp(stamp) === null) return null;
  return { name, version, stamp };
}

/** The file name of an image, its manifest and its signature without the suffix. */
export function imageStem({ name, version, stamp }: ImageName): string {
  return `${name}-v${version}-${stamp}`;
}
