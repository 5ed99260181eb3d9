import { openSync, writeSync } from 'node:fs';
import { ReadStream } from 'node:tty';
import { NanolinError } from '../error/index.ts';

/** Asks on the controlling terminal, wherever standard input comes from, and shows nothing of the answer; undefined without one. */
export async function askHidden(question: string): Promise<string | undefined> {
  const fd = openTerminal();
  if (fd === undefined) return undefined;
  const terminal = new ReadStream(fd);
  try {
    // Before the question: what is typed once it is there has no echo any more.
    terminal.setRawMode(true);
    writeSync(fd, `${question} `);
    return await readLine(terminal);
  } finally {
    terminal.setRawMode(false);
    writeSync(fd, '\n');
    terminal.destroy();
  }
}

function openTerminal(): number | undefined {
  try {
    return openSync('/dev/tty', 'r+');
  } catch {
    return undefined;
  }
}

const ends = ['\r', '\n', '\x04'];
const longest = 4096;

/** A line of a terminal in raw mode, which leaves the keys that edit to us. */
async function readLine(terminal: ReadStream): Promise<string> {
  let line = '';
  terminal.setEncoding('utf8');
  for await (const keys of terminal.iterator({ destroyOnReturn: false }) as AsyncIterable<string>)
    for (const key of keys) {
      if (key === '\x03') throw new NanolinError('cancelled', 'no pass-phrase was given');
      if (ends.includes(key)) return line;
      if (key === '\x7f' || key === '\b') line = [...line].slice(0, -1).join('');
      else if (key === '\x15') line = '';
      else if (line.length < longest) line += key;
    }
  return line;
}
