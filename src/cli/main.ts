import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import { calledAs } from './called-as.ts';
import { commands } from './commands.ts';
import { run } from './run.ts';
import { askAtTerminal, readInput, standardSink } from './streams.ts';
import type { World } from './world.ts';

export { run } from './run.ts';

/** The library is loaded when a command first needs it. */
export const open: World['open'] = async options => (await import('../index.ts')).openNanolin(options);

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The process: argv and streams in, exit code out. The first signal aborts and lets the command clean up, the second ends at once. */
export async function main(openLibrary: World['open'] = open): Promise<void> {
  const abort = new AbortController();
  let received: (typeof signals)[number] | undefined;
  for (const signal of signals)
    process.on(signal, () => {
      if (received) process.exit(128 + constants.signals[signal]);
      received = signal;
      abort.abort(new Error(`${signal} received`));
    });
  const [, program = '', ...given] = process.argv;
  const verbs = commands.map(({ verb }) => verb[0]);
  const { words, exit } = calledAs(program, given, verbs, privileged);
  if (words === null) return;
  const code = await run(words, {
    env: process.env,
    signal: abort.signal,
    stdout: await standardSink(1),
    stderr: await standardSink(2),
    ask: askAtTerminal,
    askHidden: async question => (await import('./hidden.ts')).askHidden(question),
    input: readInput,
    open: openLibrary,
  });
  process.exit(received && code !== 0 ? 128 + constants.signals[received] : exit(code));
}

/** Root of the machine, not of a user namespace: the whole range of ids is mapped to itself (user_namespaces(7)). */
function privileged(): boolean {
  if (process.getuid?.() !== 0) return false;
  return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'));
}
