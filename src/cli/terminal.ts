import { isatty, WriteStream } from 'node:tty';
import type { Sink } from './world.ts';

/** Is a character device a terminal, and how wide; /dev/null is none. */
export function shapeOf(fd: number): Pick<Sink, 'terminal' | 'columns'> {
  const terminal = isatty(fd);
  return { terminal, columns: (terminal && new WriteStream(fd).columns) || 80 };
}
