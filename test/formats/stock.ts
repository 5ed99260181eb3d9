import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const program = 'signify-openbsd';

/** What is missing, in the words of test/needs.ts. */
export const noStock = spawnSync(program, []).error ? `the program ${program}` : null;

/** A scratch directory in which the stock program and shell lines run. */
export interface Bench extends Disposable {
  readonly directory: string;
  put(name: string, content: string | Uint8Array): void;
  get(name: string): Buffer;
  /** Runs the stock program; standard output, or throws with what it says. `input` is where it reads a pass-phrase. */
  stock(args: readonly string[], input?: string): string;
  /** Exit code of the stock program. */
  exit(args: readonly string[]): number | null;
  /** Runs a script with the directory as its place: a thousand programs at the price of one of ours. */
  shell(script: string): string;
}

export function openBench(): Bench {
  const directory = mkdtempSync(join(tmpdir(), 'nanolin-signify-'));
  const options = { cwd: directory, encoding: 'utf8', stdio: 'pipe' } as const;
  return {
    directory,
    put: (name, content) => writeFileSync(join(directory, name), content),
    get: name => readFileSync(join(directory, name)),
    stock: (args, input = '') => execFileSync(program, args, { ...options, input }),
    exit: args => spawnSync(program, args, options).status,
    shell: script => execFileSync('sh', ['-euc', `signify() { ${program} "$@"; }\n${script}`], options),
    [Symbol.dispose]: () => rmSync(directory, { recursive: true, force: true }),
  };
}
