import { existsSync } from 'node:fs';
import { execa } from 'execa';
import type { Status } from '../index.ts';
import { expect } from './page.ts';

export interface Program {
  /** The layer that brings it. */
  readonly layer: string;
  readonly path: string;
  /** Arguments that make it print its version. */
  readonly ask: string;
}

/** What the shipped profiles bring, and how to see that it runs. */
export const programs: readonly Program[] = [
  { layer: 'rsync', path: '/usr/bin/rsync', ask: '--version' },
  { layer: 'nginx', path: '/usr/sbin/nginx', ask: '-v' },
  { layer: 'nano', path: '/usr/bin/nano', ask: '--version' },
  { layer: 'tree', path: '/usr/bin/tree', ask: '--version' },
  { layer: 'redis-tools', path: '/usr/bin/redis-cli', ask: '--version' },
  { layer: 'redis-server', path: '/usr/bin/redis-server', ask: '--version' },
];

/** The version as the program itself says it: Debian's revision and repacking marks are not known to it. */
export function upstream(version: string): string {
  return version.replace(/^\d+:/, '').split(/[-+~]/, 1)[0] ?? version;
}

/** Runs every program and tells those for which something changed since the last look. */
export class Programs {
  /** What the machine has without any stack. */
  readonly base = new Set(programs.filter(({ path }) => existsSync(path)).map(({ path }) => path));
  readonly seen = new Map<string, string | null>();

  constructor() {
    for (const { path } of programs) this.seen.set(path, this.base.has(path) ? 'base' : null);
  }

  async look(status: Status): Promise<void> {
    const on = status.targets.find(({ path }) => path === '/usr')?.layers ?? [];
    for (const { layer, path, ask } of programs) {
      const version = on.find(({ name }) => name === layer)?.version ?? (this.base.has(path) ? 'base' : null);
      const changed = this.seen.get(path) !== version;
      this.seen.set(path, version);
      const said = await firstLine(path, ask);
      if (version === null) {
        if (changed || said !== null)
          expect(said === null, `${path} is gone${said === null ? '' : `, but says: ${said}`}`);
      } else {
        const held = said !== null && (version === 'base' || said.includes(upstream(version)));
        if (changed || !held)
          expect(held, `${path} ${ask}: ${said ?? 'is not there'}${held ? '' : ` (wanted ${version})`}`);
      }
    }
  }
}

/** The first line a program prints, null when it is not there. */
async function firstLine(path: string, ask: string): Promise<string | null> {
  const { all, code, failed, shortMessage } = await execa(path, [ask], {
    all: true,
    reject: false,
    env: { LC_ALL: 'C' },
    timeout: 20_000,
  });
  if (code === 'ENOENT') return null;
  const line = all.split('\n', 1)[0]?.replace(/\s+/g, ' ').trim().slice(0, 60) ?? '';
  return failed ? `${shortMessage}: ${line}` : line;
}
