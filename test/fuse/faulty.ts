import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A layer on a file system that fails on purpose, or stands still. */
export interface Faulty extends AsyncDisposable {
  readonly path: string;
  /** It answers nothing from now on. */
  stop(): void;
  continue(): void;
}

const program = fileURLToPath(new URL('faulty-program.ts', import.meta.url));

/** Serves `directory` once more at `target`, with the faults that faulty-program.ts names. */
export async function faulty(directory: string, target: string): Promise<Faulty> {
  mkdirSync(target);
  const server = spawn(process.execPath, [...process.execArgv, program, directory, target], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await ready(server);
  return {
    path: target,
    stop: () => server.kill('SIGSTOP'),
    continue: () => server.kill('SIGCONT'),
    async [Symbol.asyncDispose]() {
      server.kill('SIGKILL');
      if (server.exitCode === null && server.signalCode === null) await once(server, 'exit');
      spawnSync('umount', ['--lazy', target]);
    },
  };
}

async function ready(server: ChildProcess): Promise<void> {
  const said = server.stdout ? once(server.stdout, 'data') : Promise.resolve();
  const ended = once(server, 'exit').then(() =>
    Promise.reject(new Error('the faulty file system has ended')),
  );
  ended.catch(() => {});
  await Promise.race([said, ended]);
}
