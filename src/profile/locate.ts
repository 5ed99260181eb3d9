import { lstatSync, readlinkSync } from 'node:fs';
import { resolve } from '../ownership/index.ts';
import type { LiveTarget } from './live.ts';

/** Where a path leads. */
export interface Located {
  /** Absolute, and real as far as it was followed. */
  readonly path: string;
  /** Null where it ends outside of every stack. */
  readonly target: LiveTarget | null;
  /** Relative to the target. */
  readonly inside: string;
}

/** As the kernel (MAXSYMLINKS). */
const mostLinks = 40;

/**
 * Follows an absolute path name by name. Outside of the stacks the machine's own symlinks are read, so that /bin/jq is found in /usr;
 * inside, what the trees say counts, and nothing is opened. A link that leads out of the stacks is not followed: a layer must not
 * make us look elsewhere. The last name is taken for itself unless `through`.
 */
export function locate(path: string, targets: readonly LiveTarget[], through = false): Located {
  let at = '';
  let left = path.split('/');
  for (let links = 0; left.length > 0; ) {
    const [name = '', ...rest] = left;
    left = rest;
    if (name === '' || name === '.') continue;
    if (name === '..') {
      at = at.slice(0, Math.max(0, at.lastIndexOf('/')));
      continue;
    }
    const next = `${at}/${name}`;
    const last = rest.every(part => part === '' || part === '.');
    const home = targetOf(next, targets);
    const link = last && !through ? null : linkAt(next, home);
    const leadsOut = link !== null && home !== null && targetOf(normal(link, at), targets) === null;
    if (link === null || leadsOut || ++links > mostLinks) {
      at = next;
      continue;
    }
    if (link.startsWith('/')) at = '';
    left = [...link.split('/'), ...rest];
  }
  const target = targetOf(at, targets);
  return { path: at === '' ? '/' : at, target, inside: target ? at.slice(target.path.length + 1) : '' };
}

function targetOf(path: string, targets: readonly LiveTarget[]): LiveTarget | null {
  return targets.find(target => path === target.path || path.startsWith(`${target.path}/`)) ?? null;
}

function linkAt(path: string, target: LiveTarget | null): string | null {
  if (target === null) return hostLink(path);
  const node = resolve(target.union, path.slice(target.path.length + 1))?.node;
  return node?.kind === 'link' ? node.content() : null;
}

function hostLink(path: string): string | null {
  const where = Buffer.from(path, 'latin1');
  try {
    return lstatSync(where).isSymbolicLink() ? readlinkSync(where, 'latin1') : null;
  } catch {
    return null;
  }
}

/** Where a link points by its text alone. */
function normal(link: string, from: string): string {
  const names: string[] = [];
  for (const name of (link.startsWith('/') ? link : `${from}/${link}`).split('/')) {
    if (name === '..') names.pop();
    else if (name !== '' && name !== '.') names.push(name);
  }
  return `/${names.join('/')}`;
}
