import { isPackageName } from './names.ts';

/** Where a source of a package comes from; which of them may be fetched is decided by who fetches. */
export type SourceAddress =
  | { readonly scheme: 'http' | 'https'; readonly url: string; readonly file: string }
  /** `path` as written: absolute, or relative to the recipe's directory. */
  | { readonly scheme: 'file'; readonly path: string; readonly file: string }
  /** A Debian package through apt, the file NAME.deb. */
  | { readonly scheme: 'deb'; readonly name: string; readonly version: string | null; readonly file: string }
  /** A Debian source package: its .dsc, and by the hashes in there all that belongs to it. */
  | { readonly scheme: 'debsrc'; readonly name: string; readonly version: string; readonly file: string }
  /** The tarball of an npm package. */
  | { readonly scheme: 'npm'; readonly name: string; readonly version: string; readonly file: string };

const longest = 2000;
const debianVersion = /^[A-Za-z0-9][A-Za-z0-9.+:~-]{0,99}$/;

/** Reads the address of a GETFILE. A string says what is wrong with it, in the words of an error. */
export function parseSource(text: string): SourceAddress | string {
  if (text.length > longest) return `an address of more than ${longest} characters`;
  const [, scheme = '', rest = ''] = /^([a-z]+):(.*)$/.exec(text) ?? [];
  switch (scheme) {
    case 'http':
    case 'https':
      return webAddress(text, scheme);
    case 'file':
      return fileAddress(rest);
    case 'deb': {
      const { name, version } = split(rest, '=');
      if (!isPackageName(name) || (version !== null && !debianVersion.test(version)))
        return 'expected deb:NAME or deb:NAME=VERSION';
      return { scheme, name, version, file: `${name}.deb` };
    }
    case 'debsrc': {
      const { name, version } = split(rest, '=');
      if (!isPackageName(name) || version === null || !debianVersion.test(version))
        return 'expected debsrc:NAME=VERSION';
      return { scheme, name, version, file: `${name}_${version.replace(/^\d+:/, '')}.dsc` };
    }
    case 'npm': {
      const [, name, version] =
        /^((?:@[a-z0-9][a-z0-9._-]*\/)?[a-z0-9][a-z0-9._-]*)@(\d[0-9A-Za-z.+-]*)$/.exec(rest) ?? [];
      if (name === undefined || version === undefined)
        return 'expected npm:NAME@VERSION with an exact version';
      return { scheme, name, version, file: `${name.replace('@', '').replace('/', '-')}-${version}.tgz` };
    }
    default:
      return 'expected https:, http:, file:, deb:NAME[=VERSION], debsrc:NAME=VERSION or npm:NAME@VERSION';
  }
}

/** A name for a file in the build folder: one component, nothing that hides, nothing that an option could begin with. */
export function isFileName(name: string): boolean {
  return name.length <= 200 && /^[A-Za-z0-9_+@][A-Za-z0-9_+@.,~=-]*$/.test(name);
}

function webAddress(text: string, scheme: 'http' | 'https'): SourceAddress | string {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || url.hostname === '') return 'expected an address with a host';
  if (url.username !== '' || url.password !== '') return 'an address with a password in it';
  return { scheme, url: url.href, file: lastOf(url.pathname) };
}

function fileAddress(rest: string): SourceAddress | string {
  const path = rest.replace(/^\/\/(?=\/)/, '');
  if (path === '' || path.startsWith('//') || path.endsWith('/')) return 'expected file:PATH or file:///PATH';
  return { scheme: 'file', path, file: lastOf(path) };
}

/** Its own name where that can be one, else `source`; `as=` says another. */
function lastOf(path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return isFileName(name) ? name : 'source';
}

function split(text: string, sign: string): { name: string; version: string | null } {
  const at = text.indexOf(sign);
  return at < 0 ? { name: text, version: null } : { name: text.slice(0, at), version: text.slice(at + 1) };
}
