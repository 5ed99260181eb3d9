import { createInterface } from 'node:readline';
import { execa } from 'execa';

/** A program that answers every line on its standard input with one line of JSON, and what it has to say at the end of it. */
export interface Conversation<Answer> extends AsyncDisposable {
  ask(line?: string): Promise<Answer>;
  readonly pid: number;
  /** Closes its standard input; the last answer, or null where the program has no last word. Throws when it failed. */
  end(): Promise<Answer | null>;
}

/** `command` may begin with a program that runs another one, `unshare` or `nsenter`. */
export function converse<Answer>(
  command: readonly [string, ...string[]],
  env: Record<string, string> = {},
): Conversation<Answer> {
  const [file, ...args] = command;
  const child = execa(file, args, {
    stdin: 'pipe',
    stdout: 'pipe',
    stderr: 'pipe',
    buffer: { stdout: false },
    reject: false,
    env,
  });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  let ended: Promise<Answer | null> | undefined;

  async function answer(): Promise<Answer | null> {
    const { value, done } = await lines.next();
    return done ? null : (JSON.parse(value) as Answer);
  }

  async function finish(): Promise<Answer | null> {
    child.stdin.end();
    let last: Answer | null = null;
    for (let next = await answer(); next !== null; next = await answer()) last = next;
    const { exitCode, signal, stderr } = await child;
    if (exitCode !== 0)
      throw new Error(`${command.join(' ')}: ${stderr || signal || `exit code ${exitCode}`}`);
    return last;
  }

  const end = () => (ended ??= finish());
  return {
    pid: child.pid ?? 0,
    async ask(line = '') {
      child.stdin.write(`${line}\n`);
      const next = await answer();
      if (next !== null) return next;
      await end();
      throw new Error(`${command.join(' ')}: ended without an answer`);
    },
    end,
    async [Symbol.asyncDispose]() {
      await end().catch(() => undefined);
    },
  };
}
