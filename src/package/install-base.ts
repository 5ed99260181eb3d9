import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { debianVersion, isPackageName, parseQuery } from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import type { Candidate } from './universe.ts';

/**
 * What the system under the stack has, by dpkg's records: it answers REQUIRE as a package that is always there, and needs nothing from
 * us. None where dpkg keeps no records, or the stack does not show the base.
 */
export function readBase(ctx: Context): Candidate[] {
  let text: string;
  try {
    text = readFileSync(join(ctx.paths.root, 'var/lib/dpkg/status'), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
  return text.split('\n\n').flatMap(stanza => candidateOf(stanza) ?? []);
}

function candidateOf(stanza: string): Candidate | null {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(stanza)?.[1] ?? '';
  const name = field('Package');
  const version = versionOf(field('Version'));
  if (!/ installed$/.test(field('Status')) || !isPackageName(name) || version === null) return null;
  const provides = field('Provides')
    .split(', ')
    .flatMap(text => {
      const [, as = '', exact] = /^([^\s(]+)(?: \(= ([^)]+)\))?$/.exec(text) ?? [];
      const of = exact === undefined ? null : versionOf(exact);
      const query = isPackageName(as) ? parseQuery(of === null ? as : `${as}=${of}`) : null;
      return query?.kind === 'name' ? query : [];
    });
  return {
    name,
    version,
    stamp: '',
    source: 'the base',
    requires: [],
    provides,
    conflicts: [],
    replaces: [],
  };
}

function versionOf(text: string): string | null {
  try {
    return debianVersion(text);
  } catch {
    return null;
  }
}
