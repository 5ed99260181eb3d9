import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readFileSync, readlinkSync, type Stats } from 'node:fs';
import { type Entry, printManifest } from '../../src/formats/index.ts';
import { native } from '../../src/kernel/index.ts';
import { bytes } from './generate.ts';

/** One thing that a walk met. */
export interface Met {
  readonly dir: boolean;
  /** All that a program can tell, but times and numbers of inodes. */
  readonly looks: string;
  readonly ino: number;
}

/** Everything below `root` by its path in bytes, '' among it. A name that readdir lists and no look-up finds is not there. */
export function walk(root: string): Map<string, Met> {
  const met = new Map<string, Met>();
  for (const { path, where, stat } of everything(root)) {
    const { mode, uid, gid, ino } = stat;
    const looks = [mode.toString(8), uid, gid, inside(where, stat), JSON.stringify(userXattrs(where))].join(
      ' ',
    );
    met.set(path, { dir: stat.isDirectory(), looks, ino });
  }
  return met;
}

/** The layer's manifest, its tree being what an image holds at `from`, with neighbours whose names sort around it. */
export function manifestOf(root: string, from: string): Buffer {
  const entries: Entry[] = [];
  const parents = from.split('/').map((_, depth, parts) => parts.slice(0, depth + 1).join('/'));
  if (from !== '') {
    for (const path of ['', ...parents.slice(0, -1)])
      entries.push({ path, type: 'dir', mode: 0o755, uid: 0, gid: 0 });
    for (const path of [`${from}!`, `${from}.x`, `${from}0`]) entries.push(fileEntry(path));
  }
  for (const { path, where, stat } of everything(root)) {
    const inode = stat.isDirectory() || stat.nlink === 1 ? {} : { inode: stat.ino };
    const full = from === '' ? path : path === '' ? from : `${from}/${path}`;
    entries.push({ path: full, ...entryOf(where, stat), ...inode });
  }
  const image = 'layer-v1.0-r24.01-G01000000.img';
  const header = {
    package: 'layer',
    version: '1.0',
    stamp: 'r24.01-G01000000',
    image,
    size: 0,
    sha256: sha256(''),
  };
  return Buffer.from(printManifest({ header, entries }));
}

function* everything(root: string): Generator<{ path: string; where: Buffer; stat: Stats }> {
  const open = [''];
  for (let path = open.pop(); path !== undefined; path = open.pop()) {
    const where = bytes(root, path === '' ? '.' : path);
    const stat = lstatSync(where, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    yield { path, where, stat };
    if (!stat.isDirectory()) continue;
    for (const name of readdirSync(where, { encoding: 'latin1' }))
      open.push(path === '' ? name : `${path}/${name}`);
  }
}

function inside(where: Buffer, stat: Stats): string {
  if (stat.isFile()) return sha256(readFileSync(where));
  if (stat.isSymbolicLink()) return readlinkSync(where, 'latin1');
  return stat.isCharacterDevice() || stat.isBlockDevice() ? String(stat.rdev) : '';
}

function entryOf(where: Buffer, stat: Stats): Omit<Entry, 'path'> {
  const { mode, uid, gid, size, rdev } = stat;
  const all = xattrs(where);
  const owner = { mode: mode & 0o7777, uid, gid, ...(Object.keys(all).length > 0 ? { xattrs: all } : {}) };
  if (stat.isDirectory()) return { type: 'dir', ...owner };
  if (stat.isSymbolicLink()) return { type: 'link', ...owner, link: inside(where, stat) };
  if (stat.isFile()) return { type: 'file', ...owner, size, sha256: inside(where, stat) };
  if (stat.isFIFO()) return { type: 'fifo', ...owner };
  const device = { major: (rdev >> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >> 12) & 0xfff00) };
  return { type: stat.isBlockDevice() ? 'block' : 'char', ...owner, device };
}

function fileEntry(path: string): Entry {
  return { path, type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, sha256: sha256('') };
}

function userXattrs(where: Buffer): [string, string][] {
  return Object.entries(xattrs(where))
    .filter(([name]) => name.startsWith('user.'))
    .map(([name, value]) => [name, Buffer.from(value).toString()]);
}

function xattrs(where: Buffer): Record<string, Uint8Array> {
  return Object.fromEntries(native.llistxattr(where).map(name => [name, native.lgetxattr(where, name)]));
}

function sha256(data: string | Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}
