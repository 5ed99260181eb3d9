import type { Entry, ManifestHeader } from './manifest.ts';
import { escapeBytes, escapeXattrName, printPath } from './manifest-escape.ts';

export function printHeader(header: ManifestHeader): string {
  return `#mtree
#package ${header.package}
#version ${header.version}
#stamp ${header.stamp}
#image ${header.image}
#size ${header.size}
#sha256 ${header.sha256}
`;
}

/** The lines of one entry: its own, then what the stock readers have no word for (NetBSD's stops at `inode=`). */
export function printEntry(entry: Entry): string {
  const path = printPath(entry.path);
  const tags = entry.tags?.length ? ` tags=${[...entry.tags].sort().join(',')}` : '';
  const inode = entry.inode === undefined ? '' : `#inode ${path} ${entry.inode}\n`;
  const xattrs = xattrWords(entry).map(word => `#xattr ${path} ${word}\n`);
  return `${path} ${inodeWords(entry)}${tags}\n${inode}${xattrs.join('')}`;
}

/** What all names of one inode have in common, xattrs apart. */
export function inodeWords({ type, mode, uid, gid, size, sha256, link, device, nlink }: Entry): string {
  let words = `type=${type} mode=0${mode.toString(8).padStart(3, '0')} uid=${uid} gid=${gid}`;
  if (size !== undefined) words += ` size=${size}`;
  if (sha256 !== undefined) words += ` sha256=${sha256}`;
  if (link !== undefined) words += ` link=${escapeBytes(link)}`;
  if (device !== undefined) words += ` device=native,${device.major},${device.minor}`;
  if (nlink !== undefined) words += ` nlink=${nlink}`;
  return words;
}

/** `NAME=BASE64`, sorted by name. */
export function xattrWords({ xattrs }: Entry): string[] {
  if (xattrs === undefined) return [];
  return Object.entries(xattrs)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => {
      const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
      return `${escapeXattrName(name)}=${bytes.toString('base64')}`;
    });
}
