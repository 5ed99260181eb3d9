import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { places } from './places.ts';

export interface Readings {
  readonly files: number;
  readonly lookups: number;
  readonly failed: number;
  /** The first failures, with the errno. */
  readonly errors: readonly string[];
}

/** Another process that looks up files of /usr all the time, as the programs of a running system do. */
export class Reader {
  readonly child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.child = child;
  }

  /** Resolves once it reads. */
  static async begin(program = places().program): Promise<Reader> {
    const reader = new Reader(fork(program, ['--reader'], { stdio: 'inherit' }));
    await reader.message();
    return reader;
  }

  async end(): Promise<Readings> {
    this.child.send('stop');
    return (await this.message()) as Readings;
  }

  private async message(): Promise<unknown> {
    const ended = once(this.child, 'exit').then(([code, signal]) => {
      throw new Error(`the reader ended by itself: ${signal ?? `exit code ${code}`}`);
    });
    const [message] = await Promise.race([once(this.child, 'message'), ended]);
    return message;
  }

  [Symbol.dispose](): void {
    this.child.kill('SIGKILL');
  }
}

/** The reader's own main: every file of the base stays where it is under every stack, so no look-up may ever fail. */
export function readUntilStopped(): void {
  const files = filesOf('/usr/bin', 100).concat(filesOf('/usr/lib', 100), filesOf('/usr/share', 100));
  const page = Buffer.alloc(4096);
  const errors: string[] = [];
  let lookups = 0;
  let failed = 0;
  const attempt = (path: string, look: () => void) => {
    lookups += 1;
    try {
      look();
    } catch (thrown) {
      failed += 1;
      if (errors.length < 5) errors.push(`${path}: ${(thrown as Error).message}`);
    }
  };
  const round = () => {
    for (const path of files) {
      attempt(path, () => statSync(path));
      attempt(path, () => {
        const fd = openSync(path, 'r');
        try {
          readSync(fd, page);
        } finally {
          closeSync(fd);
        }
      });
    }
    attempt('/usr/bin', () => readdirSync('/usr/bin'));
    next = setImmediate(round);
  };
  let next = setImmediate(round);
  process.send?.('reading');
  process.once('message', () => {
    clearImmediate(next);
    process.send?.({ files: files.length, lookups, failed, errors } satisfies Readings, () =>
      process.exit(0),
    );
  });
  process.once('disconnect', () => process.exit(1));
}

/** Up to `most` files of a tree, nearest first. */
function filesOf(directory: string, most: number): string[] {
  const files: string[] = [];
  for (const waiting = [directory]; waiting.length > 0 && files.length < most; ) {
    const here = waiting.shift() as string;
    for (const entry of readdirSync(here, { withFileTypes: true })) {
      if (entry.isDirectory()) waiting.push(join(here, entry.name));
      else if (entry.isFile() && files.length < most) files.push(join(here, entry.name));
    }
  }
  return files;
}
