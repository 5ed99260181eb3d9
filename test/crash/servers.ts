import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/** Processes that serve unions of a root, known by the socket on their command line. */
export const serversOf = (root: string): number[] => serversIn(join(root, 'run/nanolin'));

export function serversIn(run: string): number[] {
  const socket = join(run, 'unions/');
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0');
        return words.includes('--internal-serve-union') && words.some(word => word.startsWith(socket));
      } catch {
        return false;
      }
    })
    .map(Number);
}

export function killServers(root: string): void {
  for (const pid of serversOf(root)) process.kill(pid, 'SIGKILL');
}

/** Until that many are left: one that nobody talked to leaves after a while. Returns how many there are. */
export async function serversSettled(root: string, count: number): Promise<number> {
  for (let tries = 0; tries < 300 && serversOf(root).length !== count; tries++) await sleep(50);
  return serversOf(root).length;
}

export function socketsOf(root: string): string[] {
  try {
    return readdirSync(join(root, 'run/nanolin/unions')).filter(name => name.endsWith('.sock'));
  } catch {
    return [];
  }
}
