import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { nanolinProgram } from './stage.ts';

export interface Place {
  /** Topmost first. */
  readonly lowers: readonly string[];
  readonly upper: string;
  readonly work: string;
  readonly merged: string;
}

export interface Contender {
  readonly name: string;
  /** The command that mounts, with what it has to be on PATH for. */
  command(place: Place): readonly [string, ...string[]];
}

const overlayOptions = ({ lowers, upper, work }: Place): string =>
  `lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work}`;

export const contenders: readonly Contender[] = [
  {
    name: 'kernel overlay',
    command: place => ['mount', '-t', 'overlay', 'overlay', '-o', overlayOptions(place), place.merged],
  },
  {
    name: 'fuse-overlayfs',
    command: place => ['fuse-overlayfs', '-o', overlayOptions(place), place.merged],
  },
  {
    name: 'unionfs-fuse',
    command: ({ lowers, upper, merged }) => [
      ...(['unionfs', '-o', 'cow'] as const),
      [`${upper}=RW`, ...lowers.map(lower => `${lower}=RO`)].join(':'),
      merged,
    ],
  },
  {
    name: 'nanolin',
    command: place => [
      process.execPath,
      ...[nanolinProgram, 'union', '--quiet', '--backend', 'fuse', '-o', overlayOptions(place), place.merged],
    ],
  },
];

/** Those whose program is on PATH; the others are named. */
export function presentContenders(): Contender[] {
  const nowhere: Place = { lowers: [], upper: '', work: '', merged: '' };
  return contenders.filter(({ name, command }) => {
    const [program] = command(nowhere);
    try {
      execFileSync('which', [program], { stdio: 'ignore' });
      return true;
    } catch {
      console.log(`${name} is left out: ${program} is not installed`);
      return false;
    }
  });
}

/** The processes that serve a mount, by what is on their command line. */
export function serversOf(merged: string): number[] {
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name) && name !== String(process.pid))
    .filter(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(merged);
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Bytes of memory of their own; 0 where the kernel serves. */
export function memoryOf(pids: readonly number[]): number {
  return pids
    .map(pid => /RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? '0')
    .reduce((sum, kibibytes) => sum + Number(kibibytes) * 1024, 0);
}

/** Ends with the server gone, so that the next one has the machine to itself. */
export async function unmount(merged: string): Promise<void> {
  execFileSync('umount', [merged]);
  for (let tries = 0; serversOf(merged).length > 0; tries++) {
    if (tries === 200) throw new Error(`the server of ${merged} does not end`);
    await sleep(50);
  }
}
