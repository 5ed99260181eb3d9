import type { Nanolin, OpenOptions } from '../index.ts';

/** A stream to write text to. */
export interface Sink {
  write(text: string): void;
  readonly terminal: boolean;
  readonly columns: number;
}

/** Everything outside the command line, as values. */
export interface World {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  readonly stdout: Sink;
  readonly stderr: Sink;
  /** Asks on the terminal; undefined where nobody is there. */
  readonly ask: (question: string) => Promise<string | undefined>;
  /** The same without echo, wherever standard input comes from. */
  readonly askHidden: (question: string) => Promise<string | undefined>;
  /** All of standard input; throws usage when it is too long to be a list. */
  readonly input: () => Promise<Buffer>;
  readonly open: (options: OpenOptions) => Promise<Nanolin>;
}
