import { fstatSync, writeSync } from 'node:fs';
import { usage } from './command.ts';
import type { Sink, World } from './world.ts';

/**
 * Standard output or error by write(2): process.stdout takes milliseconds to set up, and what is written here has arrived when
 * the process exits. A reader that went away (EPIPE) is no error: the rest is dropped.
 */
export async function standardSink(fd: 1 | 2): Promise<Sink> {
  let gone = false;
  return {
    ...(await shapeOf(fd)),
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

/** node:tty brings node:net and the streams with it, 4 ms that only a terminal has to pay. */
async function shapeOf(fd: number): Promise<Pick<Sink, 'terminal' | 'columns'>> {
  try {
    if (fstatSync(fd).isCharacterDevice()) return (await import('./terminal.ts')).shapeOf(fd);
  } catch {
    // Closed by the caller: nothing is a terminal then.
  }
  return { terminal: false, columns: 80 };
}

/** Asks on the terminal; undefined where standard input or error is none. */
export const askAtTerminal: World['ask'] = async question => {
  const [input, output] = await Promise.all([shapeOf(0), shapeOf(2)]);
  if (!input.terminal || !output.terminal) return undefined;
  const { createInterface } = await import('node:readline/promises');
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return await lines.question(`${question.trimEnd()} `);
  } finally {
    lines.close();
  }
};

/** Bytes of a list on standard input. */
const longest = 64 * 1024 * 1024;

export const readInput: World['input'] = async () => {
  const pieces: Buffer[] = [];
  let length = 0;
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    length += piece.length;
    if (length > longest) throw usage(`the list on standard input has more than ${longest} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
};
