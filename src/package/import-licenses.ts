import {
  chmodSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Entry } from '../formats/index.ts';

export interface FoundLicense {
  /** In the package, relative. */
  readonly path: string;
  /** SPDX where it could be told, else `unknown`. */
  readonly license: string;
}

/** What a licence lies in: Debian's copyright files, and the names that projects use. */
const named =
  /^usr\/share\/doc\/[^/]+\/copyright$|(^|\/)(LICEN[CS]E|COPYING|COPYRIGHT|UNLICENSE)([.-][A-Za-z0-9.-]+)?$/;
const largest = 2 ** 20;
const most = 500;

const texts: readonly (readonly [string, RegExp])[] = [
  ['Apache-2.0', /Apache License\s+Version 2\.0/],
  ['GPL-3.0-or-later', /GNU GENERAL PUBLIC LICENSE\s+Version 3/],
  ['GPL-2.0-or-later', /GNU GENERAL PUBLIC LICENSE\s+Version 2/],
  ['LGPL-3.0-or-later', /GNU LESSER GENERAL PUBLIC LICENSE\s+Version 3/],
  ['LGPL-2.1-or-later', /GNU LESSER GENERAL PUBLIC LICENSE\s+Version 2\.1/],
  ['MPL-2.0', /Mozilla Public License[, ]+[Vv](ersion|\.) ?2\.0/],
  ['ISC', /Permission to use, copy, modify, and(\/or)? distribute this software/],
  ['MIT', /Permission is hereby granted, free of charge, to any person obtaining/],
  [
    'BSD-3-Clause',
    /Redistribution and use in source and binary forms[\s\S]*(Neither the name|may not be used to endorse)/i,
  ],
  ['BSD-2-Clause', /Redistribution and use in source and binary forms/],
  ['Zlib', /origin of this software must not be misrepresented/],
];

/**
 * Copies the licences of an unpacked package to /usr/share/licenses/NAME, with an inventory that says what was found where. Returns what was
 * found. The entries are those of `walkTree`: their directories are directories, no link leads out of the tree.
 */
export function collectLicenses(tree: string, name: string, entries: readonly Entry[]): FoundLicense[] {
  const home = `usr/share/licenses/${name}`;
  const found = entries
    .filter(({ path, type, size }) => type === 'file' && named.test(path) && (size ?? 0) <= largest)
    .slice(0, most)
    .map(({ path }) => ({
      path,
      license: licenseOf(readFileSync(Buffer.from(`${tree}/${path}`, 'latin1'), 'latin1')),
    }));
  if (found.length === 0 || !makeDirectories(tree, home)) return found;
  for (const { path } of found)
    if (!path.startsWith(`${home}/`))
      write(
        join(tree, home),
        path.replaceAll('/', '_').slice(-200),
        readFileSync(Buffer.from(`${tree}/${path}`, 'latin1')),
      );
  const lines = found.map(({ path, license }) => `${license}\t/${path}\n`).join('');
  write(join(tree, home), 'INVENTORY', Buffer.from(lines, 'latin1'));
  return found;
}

/** A machine-readable copyright file (DEP-5) says it; of others the text does. */
export function licenseOf(text: string): string {
  if (/^Format: .*copyright-format/m.test(text)) {
    const words = [...text.matchAll(/^License: *([^\s,].*)$/gm)].map(match => (match[1] ?? '').trim());
    const known = [...new Set(words)].filter(word => /^[A-Za-z0-9.+() -]{1,80}$/.test(word)).slice(0, 20);
    if (known.length > 0)
      return known.map(word => (known.length > 1 && word.includes(' ') ? `(${word})` : word)).join(' and ');
  }
  return texts.find(([, pattern]) => pattern.test(text))?.[0] ?? 'unknown';
}

/** False where something that is no directory stands in the way: a link there could lead out of the tree. */
function makeDirectories(tree: string, path: string): boolean {
  let at = tree;
  for (const part of path.split('/')) {
    at = join(at, part);
    const stat = lstatSync(at, { throwIfNoEntry: false });
    if (stat && !stat.isDirectory()) return false;
    if (stat) continue;
    mkdirSync(at);
    chmodSync(at, 0o755);
  }
  return true;
}

function write(directory: string, name: string, content: Buffer): void {
  const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW } = constants;
  const path = join(
    directory,
    Buffer.from(name, 'latin1')
      .toString('utf8')
      .replace(/[^A-Za-z0-9._+-]/g, '_'),
  );
  if (lstatSync(path, { throwIfNoEntry: false })) return;
  const fd = openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
  try {
    for (let at = 0; at < content.length; ) at += writeSync(fd, content, at);
  } finally {
    closeSync(fd);
  }
  chmodSync(path, 0o644);
}
