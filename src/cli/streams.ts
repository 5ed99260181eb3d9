import { fstatSync, writeSync } from 'node:fs';
import { isatty, WriteStream } from 'node:tty';
import type { Sink } from './world.ts';

/**
 * Standard output or error by write(2): process.stdout takes milliseconds to set up, and what is written here has arrived when
 * the process exits. A reader that went away (EPIPE) is no error: the rest is dropped.
 */
export function standardSink(fd: 1 | 2): Sink {
  let gone = false;
  const terminal = isTerminal(fd);
  return {
    terminal,
    columns: terminal ? columnsOf(fd) : 80,
    write(text) {
      let rest = Buffer.from(text);
      while (!gone && rest.length > 0) {
        try {
          rest = rest.subarray(writeSync(fd, rest));
        } catch (error) {
          const { code } = error as NodeJS.ErrnoException;
          if (code === 'EAGAIN') Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
          else if (code === 'EPIPE') gone = true;
          else if (code !== 'EINTR') throw error;
        }
      }
    },
  };
}

function isTerminal(fd: number): boolean {
  try {
    return fstatSync(fd).isCharacterDevice() && isatty(fd);
  } catch {
    return false;
  }
}

function columnsOf(fd: 1 | 2): number {
  return new WriteStream(fd).columns || 80;
}

/** Asks on the terminal, where standard input is one. */
export function standardInput(stderr: Sink): ((question: string) => Promise<string>) | undefined {
  if (!isTerminal(0) || !stderr.terminal) return undefined;
  return async question => {
    const { createInterface } = await import('node:readline/promises');
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    try {
      return await lines.question(`${question.trimEnd()} `);
    } finally {
      lines.close();
    }
  };
}
