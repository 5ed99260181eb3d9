import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Made, type MakeOptions, type Nanolin, type OpenOptions, openNanolin } from '../../src/index.ts';
import { type Context, pathsBelow } from '../../src/state/index.ts';

/** A nanolin below a fresh directory, and a place for recipes. */
export interface Workshop extends AsyncDisposable {
  readonly nanolin: Nanolin;
  readonly directory: string;
  readonly root: string;
  /** Writes NAME.rcp and returns its path. */
  recipe(name: string, lines: readonly string[]): string;
  /** Makes the one package of a recipe. */
  make(path: string, options?: MakeOptions): Promise<Made>;
}

export async function openWorkshop(options: OpenOptions = {}): Promise<Workshop> {
  const directory = mkdtempSync(join(tmpdir(), 'nanolin-package-'));
  const root = join(directory, 'root');
  mkdirSync(root);
  const nanolin = await openNanolin({ root, ...options });
  return {
    nanolin,
    directory,
    root,
    recipe(name, lines) {
      const path = join(directory, `${name}.rcp`);
      writeFileSync(path, `${lines.join('\n')}\n`);
      return path;
    },
    async make(path, options) {
      const made = await nanolin.package.make([path], options);
      return made.at(-1) as Made;
    },
    async [Symbol.asyncDispose]() {
      await nanolin.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** What the rooms are handed, below a directory. */
export const contextBelow = (root: string): Context => ({
  paths: pathsBelow(root),
  log: { debug() {}, info() {}, warn() {} },
  now: () => new Date('2026-11-22T10:00:00Z'),
  signal: new AbortController().signal,
  progress: () => {},
  forced: new Set(),
  at: () => {},
});

/** A recipe whose body is the only thing that matters. */
export const bodies = (name: string, stages: Readonly<Record<string, readonly string[]>>): string[] => [
  `PACKAGE ${name}`,
  'VERSION 1.0',
  'PKGDATE 2026-11-20',
  ...Object.entries(stages).flatMap(([keyword, lines]) => [keyword, ...lines.map(line => `\t${line}`)]),
];
