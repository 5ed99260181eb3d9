import { NanolinError } from '../error/index.ts';

/** What `-o` says about a union. */
export interface UnionOptions {
  /** Paths, topmost first. */
  readonly lowers: readonly string[];
  readonly upper: { readonly upper: string; readonly work: string } | null;
  readonly readOnly: boolean;
  /** The layers' marks are user.overlay.*, which needs no privilege. */
  readonly userxattr: boolean;
  /** `.wh.NAME` and `.wh..wh..opq` in the lowers are OCI's marks (image-spec, layer.md), as tools leave them that unpack for fuse-overlayfs. */
  readonly oci?: boolean;
  /** Nothing is flushed; after a crash the upper is not to be used again. */
  readonly volatile: boolean;
  /** nosuid, nodev and the like, for the mount itself. */
  readonly mount: readonly string[];
}

const mountOptions = ['nosuid', 'nodev', 'noexec', 'noatime', 'sync', 'dirsync', 'allow_other'];
/** What mount(8), fstab and podman add, what is for those alone, and what is so anyhow. */
const without = [
  ...['rw', 'suid', 'dev', 'exec', 'atime', 'relatime', 'async', 'defaults', 'default_permissions'],
  ...['auto', 'noauto', 'nofail', '_netdev', 'user', 'nouser', 'users', 'owner', 'group'],
];
const forOthers = /^(x-|X-|comment=|user=)/;
const fixed: Readonly<Record<string, readonly string[]>> = {
  index: ['off'],
  metacopy: ['off'],
  redirect_dir: ['off', 'nofollow'],
  xino: ['on', 'auto', 'off'],
  fsync: ['1'],
  fsname: [],
};

/**
 * The options of mount(8) for an overlay: `,` ends one, `:` a layer, and a backslash takes the meaning from either. Throws usage for what
 * is missing, given twice or not known: an option that is left out could be the one that protects something.
 */
export function parseUnionOptions(text: string): UnionOptions {
  const given = new Map<string, string>();
  const mount: string[] = [];
  for (const option of split(text, ',').filter(Boolean)) {
    const at = option.indexOf('=');
    const [name, value] = at < 0 ? [option, ''] : [option.slice(0, at), option.slice(at + 1)];
    if (without.includes(option) || forOthers.test(option) || (at > 0 && isFixed(name, value))) continue;
    if (mountOptions.includes(option)) mount.push(option);
    else if (option === 'remount')
      throw usage('only the kernel remounts a union, and only to ro or rw', 'mount -i -o remount,ro TARGET');
    else if (!known.includes(name)) throw usage(`the option ${option} is not known`);
    else if (given.has(name)) throw usage(`the option ${name} is given twice`);
    else given.set(name, value);
  }
  const lowers = split(given.get('lowerdir') ?? '', ':').map(unescaped);
  const [upper, work] = [given.get('upperdir'), given.get('workdir')].map(path => path && unescaped(path));
  if (lowers.some(path => path === '')) throw usage('lowerdir names no directory');
  if (!upper !== !work) throw usage('upperdir and workdir go together');
  return {
    lowers,
    upper: upper && work ? { upper, work } : null,
    readOnly: given.has('ro') || !upper,
    userxattr: given.has('userxattr'),
    oci: isOnly(given, 'whiteouts', 'oci'),
    volatile: given.has('volatile') || isOnly(given, 'fsync', '0'),
    mount,
  };
}

const known = ['lowerdir', 'upperdir', 'workdir', 'ro', 'userxattr', 'whiteouts', 'volatile', 'fsync'];

function isOnly(given: ReadonlyMap<string, string>, name: string, value: string): boolean {
  const got = given.get(name);
  if (got !== undefined && got !== value) throw usage(`the option ${name}=${got} is not known`);
  return got === value;
}

const isFixed = (name: string, value: string): boolean => {
  const values = Object.hasOwn(fixed, name) ? fixed[name] : undefined;
  return values !== undefined && (values.length === 0 || values.includes(value));
};

const line = 'nanolin union -o lowerdir=A:B[,upperdir=U,workdir=W] TARGET';
const usage = (message: string, hint = line): NanolinError => new NanolinError('usage', message, hint);

/** At each separator that no backslash is before. */
function split(text: string, separator: ',' | ':'): string[] {
  const parts = [''];
  for (const [piece] of text.matchAll(/\\[\s\S]|[\s\S]/g))
    if (piece === separator) parts.push('');
    else parts.push(`${parts.pop()}${piece}`);
  return parts;
}

const unescaped = (text: string): string => text.replace(/\\([\s\S])/g, '$1');
