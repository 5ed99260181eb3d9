import { isSha256 } from './digest.ts';
import { type Entry, type EntryType, entryTypes, type ManifestHeader } from './manifest.ts';
import { printPath, show } from './manifest-escape.ts';
import { inodeWords, xattrWords } from './manifest-lines.ts';
import { imageStem, isPackageName, isVersion } from './names.ts';
import { parseStamp } from './stamp.ts';

// Linux: PATH_MAX with its NUL, NAME_MAX, XATTR_NAME_MAX; an id of -1 means "none" to chown(2); dev_t has 12 and 20 bits.
const maxPath = 4095;
const maxName = 255;
const maxXattrName = 255;
const maxId = 0xffff_fffe;
const maxMajor = 0xfff;
const maxMinor = 0xf_ffff;
const maxTags = 16;

type Attribute = 'size' | 'sha256' | 'link' | 'device';

/** What an entry has beside type, mode and owner, by type: all of it, and nothing else. */
const attributes: Record<EntryType, readonly Attribute[]> = {
  file: ['size', 'sha256'],
  dir: [],
  link: ['link'],
  char: ['device'],
  block: ['device'],
  fifo: [],
  socket: [],
};

/** What is wrong with a header; null for a good one. The image's name has to be the one its package, version and stamp make. */
export function checkHeader(header: ManifestHeader): string | null {
  if (!isPackageName(header.package)) return `#package ${show(header.package)}: not a name`;
  if (!isVersion(header.version)) return `#version ${show(header.version)}: not a version`;
  if (parseStamp(header.stamp) === null) return `#stamp ${show(header.stamp)}: not a stamp`;
  const image = `${imageStem({ name: header.package, version: header.version, stamp: header.stamp })}.img`;
  if (header.image !== image) return `#image ${show(header.image)}: expected ${image}`;
  if (!isCount(header.size)) return `#size ${header.size}: not a size`;
  if (!isSha256(header.sha256)) return `#sha256 ${show(header.sha256)}: not 64 lower-case hex digits`;
  return null;
}

/** Holds the entries of one manifest, given in their order, to the rules that reach over several of them. */
export class ManifestCheck {
  readonly fail: (what: string) => Error;
  readonly directories = new Set<string>();
  readonly inodes: { readonly words: string; names: number; readonly nlink: number }[] = [];
  previous: string | null = null;

  constructor(fail: (what: string) => Error) {
    this.fail = fail;
  }

  entry(entry: Entry): void {
    this.place(entry);
    this.values(entry);
    if (entry.nlink !== undefined || entry.inode !== undefined) this.links(entry);
    if (entry.tags !== undefined) this.tags(entry, entry.tags);
    if (entry.xattrs !== undefined) this.xattrs(entry, entry.xattrs);
    if (entry.type === 'dir') this.directories.add(entry.path);
    this.previous = entry.path;
  }

  end(): void {
    if (this.previous === null) throw this.fail('no entries, expected at least the root');
    const lost = this.inodes.findIndex(({ names, nlink }) => names !== nlink);
    const inode = this.inodes[lost];
    if (inode !== undefined)
      throw this.fail(`inode ${lost + 1} has ${inode.names} names, nlink says ${inode.nlink}`);
  }

  place({ path, type }: Entry): void {
    if (this.previous === null) {
      if (path !== '' || type !== 'dir')
        throw this.wrong(path, 'expected the root directory as the first entry');
      return;
    }
    if (path === this.previous) throw this.wrong(path, 'duplicate entry');
    if (path < this.previous)
      throw this.wrong(path, `not sorted, stands after ${show(printPath(this.previous))}`);
    const slash = path.lastIndexOf('/');
    const parent = slash < 0 ? '' : path.slice(0, slash);
    const name = path.slice(slash + 1);
    // A parent that is known has passed all of this before; one that is not may be no path at all.
    const known = this.directories.has(parent);
    const parts = known && slash !== 0 ? [name] : path.split('/');
    if (parts.some(part => part === '' || part === '.' || part === '..'))
      throw this.wrong(path, 'path is not normalised');
    if (name.length > maxName || path.length > maxPath) throw this.wrong(path, 'path is too long');
    if (!isByteString(name)) throw this.wrong(path, 'path holds a NUL or is no byte string');
    if (!known) throw this.wrong(path, `${show(printPath(parent))} is not a directory before it`);
  }

  values(entry: Entry): void {
    const { path, type, mode, uid, gid, size, sha256, link, device } = entry;
    if (!Object.hasOwn(attributes, type))
      throw this.wrong(path, `type=${show(type)}: expected one of ${entryTypes.join(' ')}`);
    if (!isCount(mode) || mode > 0o7777) throw this.wrong(path, `mode ${mode}: expected at most 07777`);
    if (!isCount(uid) || uid > maxId) throw this.wrong(path, `uid=${uid}: not a user id`);
    if (!isCount(gid) || gid > maxId) throw this.wrong(path, `gid=${gid}: not a group id`);
    const wanted = attributes[type];
    for (const key of ['size', 'sha256', 'link', 'device'] as const) {
      if ((entry[key] !== undefined) !== wanted.includes(key))
        throw this.wrong(path, `type=${type} ${wanted.includes(key) ? 'needs' : 'has no'} ${key}=`);
    }
    if (size !== undefined && !isCount(size)) throw this.wrong(path, `size=${size}: not a size`);
    if (sha256 !== undefined && !isSha256(sha256))
      throw this.wrong(path, `sha256=${show(sha256)}: not 64 lower-case hex digits`);
    if (link !== undefined && (link === '' || link.length > maxPath || !isByteString(link)))
      throw this.wrong(path, 'link= is empty, too long, or holds a NUL');
    if (device !== undefined && !isDevice(device)) throw this.wrong(path, 'device= is no device number');
  }

  links(entry: Entry): void {
    const { path, type, nlink, inode } = entry;
    if (nlink === undefined || inode === undefined) throw this.wrong(path, 'nlink= and #inode come together');
    if (type === 'dir') throw this.wrong(path, 'a directory has no hard links');
    if (!isCount(nlink) || nlink < 2) throw this.wrong(path, `nlink=${nlink}: expected 2 or more`);
    if (!isCount(inode) || inode < 1 || inode > this.inodes.length + 1)
      throw this.wrong(path, `#inode ${inode}: inodes are numbered from 1 in order`);
    const words = [inodeWords(entry), ...xattrWords(entry)].join(' ');
    const known = this.inodes[inode - 1];
    if (known === undefined) {
      this.inodes.push({ words, names: 1, nlink });
    } else {
      if (known.words !== words) throw this.wrong(path, `differs from the other names of inode ${inode}`);
      known.names++;
    }
  }

  tags({ path }: Entry, tags: readonly string[]): void {
    const good = tags.length <= maxTags && tags.every(tag => /^[a-z][a-z0-9-]{0,31}$/.test(tag));
    if (!good || new Set(tags).size !== tags.length)
      throw this.wrong(path, `tags=${show(tags.join(','))}: expected words, each once`);
  }

  xattrs({ path }: Entry, xattrs: Readonly<Record<string, Uint8Array>>): void {
    for (const name of Object.keys(xattrs))
      if (name === '' || name.length > maxXattrName || !isByteString(name))
        throw this.wrong(path, `#xattr ${show(name)}: not a name`);
  }

  wrong(path: string, what: string): Error {
    return this.fail(`${show(printPath(path))}: ${what}`);
  }
}

function isDevice({ major, minor }: { major: number; minor: number }): boolean {
  return isCount(major) && major <= maxMajor && isCount(minor) && minor <= maxMinor;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0 && !Object.is(value, -0);
}

function isByteString(s: string): boolean {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a name may hold any byte but NUL
  return /^[\x01-\xff]*$/.test(s);
}
