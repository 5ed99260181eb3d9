import { type Conversation, converse } from './conversation.ts';

/** What swarm.c counts. `failed` is by `KIND ERRNO`; a `wrong` one succeeded with the wrong content. */
export interface SwarmCounts {
  readonly operations: number;
  readonly failures: number;
  readonly done: Readonly<Record<'open' | 'stat' | 'read' | 'list' | 'run', number>>;
  readonly failed: Readonly<Record<string, number>>;
  readonly samples: readonly string[];
}

/** What a swarm looks for, and the contents that are right. */
export interface Expected {
  readonly files: Readonly<Record<string, readonly string[]>>;
  readonly lists: Readonly<Record<string, readonly string[]>>;
  readonly runs: readonly string[];
}

/** The list that swarm.c reads. */
export function swarmList({ files, lists, runs }: Expected): string {
  const lines = [
    ...Object.entries(files).map(([path, contents]) => ['file', path, ...contents]),
    ...Object.entries(lists).map(([path, names]) => ['list', path, ...names]),
    ...runs.map(path => ['run', path]),
  ];
  return lines.map(line => `${line.join('\t')}\n`).join('');
}

/** `within` is the command that starts it elsewhere, as `unshare -m --propagation slave`. */
export function startSwarm(
  swarm: string,
  list: string,
  workers: number,
  within: readonly string[] = [],
): Conversation<SwarmCounts> {
  const [first = swarm, ...rest] = [...within, swarm, list, String(workers)];
  return converse<SwarmCounts>([first, ...rest]);
}

export function describe({ operations, failures, failed, samples }: SwarmCounts): string {
  return `${failures} of ${operations} operations failed: ${JSON.stringify(failed)} ${samples.join(', ')}`;
}
