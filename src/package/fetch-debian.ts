import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { isSha256 } from '../formats/index.ts';
import { loadMaking } from '../layer/index.ts';
import type { Context } from '../state/index.ts';

/** A file that a .dsc lists. */
export interface DebianFile {
  readonly name: string;
  readonly size: number;
  readonly sha256: string;
}

/** Lets apt download a binary package into `directory`, and returns its path. */
export async function fetchDeb(
  ctx: Context,
  name: string,
  version: string | null,
  directory: string,
): Promise<string> {
  const { downloadDebs } = await loadMaking();
  const query = version === null ? name : `${name}=${version}`;
  await downloadDebs(ctx, [{ name, query, file: '', size: 0, sha256: null }], directory);
  const [file] = readdirSync(directory).filter(file => file.endsWith('.deb'));
  if (file === undefined)
    throw new NanolinError('source-missing', `apt brought no file for ${query}`, 'apt-get update');
  return join(directory, file);
}

/**
 * Where the files of a source package may lie: in the pools of the archives that apt has, which need no `deb-src` lines for it. The
 * pool's folders are those of dak (Debian's archive software): the first letter, or four for lib*.
 */
export async function poolAddresses(ctx: Context, name: string): Promise<string[]> {
  const { run } = await loadMaking();
  const targets = await run(ctx, 'apt-get', [
    'indextargets',
    '--format',
    '$(REPO_URI)|$(COMPONENT)|$(ORIGIN)',
    'Created-By: Packages',
  ]);
  const letter = name.startsWith('lib') ? name.slice(0, 4) : name.slice(0, 1);
  const archives = targets.split('\n').flatMap(line => {
    const [uri = '', component = ''] = line.split('|');
    return /^https?:\/\//.test(uri) && /^[a-z][a-z/-]*$/.test(component)
      ? [`${uri.replace(/\/$/, '')}/pool/${component}/${letter}/${name}`]
      : [];
  });
  if (archives.length === 0)
    throw new NanolinError(
      'source-missing',
      'apt has no archive over http',
      'add one to /etc/apt/sources.list.d, then apt-get update',
    );
  return [...new Set(archives)];
}

/** What belongs to a source package (deb-src-control(5), Checksums-Sha256). Throws source-unreadable. */
export function parseDsc(path: string): DebianFile[] {
  const text = readFileSync(path, 'utf8');
  const [, list = ''] = /^Checksums-Sha256:[ \t]*\n((?: .*\n)+)/m.exec(text) ?? [];
  const files = list
    .split('\n')
    .filter(Boolean)
    .map(line => {
      const [sha256 = '', size = '', name = '', more] = line.trim().split(/ +/);
      if (
        more !== undefined ||
        !isSha256(sha256) ||
        !/^\d{1,12}$/.test(size) ||
        !/^[a-z0-9][A-Za-z0-9+.~_-]*$/.test(name)
      )
        throw new NanolinError('source-unreadable', `the .dsc lists ${JSON.stringify(line.slice(0, 120))}`);
      return { name, size: Number(size), sha256 };
    });
  if (files.length === 0 || files.length > 100)
    throw new NanolinError('source-unreadable', `the .dsc lists ${files.length} files with a SHA-256`);
  return files;
}
