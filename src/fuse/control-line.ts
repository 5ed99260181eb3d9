import type { Socket } from 'node:net';
import { NanolinError } from '../error/index.ts';
import { type ControlReply, type ControlRequest, LINE_MAX, parseReply } from './control.ts';
import { connectTo, onLines } from './control-socket.ts';

interface Waiting {
  done(reply: ControlReply): void;
  fail(error: unknown): void;
}

/** A connection to the process that serves a union. What it has prepared and not committed goes with it. */
export class ControlLine implements Disposable {
  readonly #socket: Socket;
  readonly #patience: number;
  readonly #waiting: Waiting[] = [];
  /** When the other side is gone. */
  readonly closed: Promise<void>;

  private constructor(socket: Socket, patience: number) {
    this.#socket = socket;
    this.#patience = patience;
    socket.on('error', () => {});
    this.closed = new Promise(done => socket.on('close', () => done()));
    this.closed.then(() => {
      for (const { fail } of this.#waiting.splice(0)) fail(gone());
    });
    onLines(socket, LINE_MAX, line => {
      const next = this.#waiting.shift();
      try {
        next?.done(parseReply(line));
      } catch (error) {
        next?.fail(error);
      }
    });
  }

  /** `patience`: milliseconds that an answer may take. Throws io when nobody serves there. */
  static async to(socket: string, patience = 10_000): Promise<ControlLine> {
    try {
      return new ControlLine(await connectTo(socket), patience);
    } catch (cause) {
      throw gone(cause);
    }
  }

  /** Throws what the other side threw, or io when it has ended or does not answer in time. */
  async ask(request: ControlRequest): Promise<ControlReply> {
    let timer: NodeJS.Timeout | undefined;
    const answer = new Promise<ControlReply>((done, fail) => {
      this.#waiting.push({ done, fail });
      timer = setTimeout(() => {
        fail(new NanolinError('io', 'the process that serves the union does not answer', hint));
        // A reply that comes late would be taken for the next one's.
        this.#socket.destroy();
      }, this.#patience);
      if (this.#socket.destroyed) fail(gone());
      else this.#socket.write(`${JSON.stringify(request)}\n`);
    });
    return answer.finally(() => clearTimeout(timer));
  }

  [Symbol.dispose](): void {
    this.#socket.destroy();
  }
}

const hint = 'bring the stack up again: nanolin profile switch --restore';

const gone = (cause?: unknown): NanolinError =>
  new NanolinError('io', 'the process that serves the union has ended', hint, { cause });
