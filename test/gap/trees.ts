import { chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Expected } from './swarm.ts';

/** Paths that both stacks of a switch have, with other contents in each, at several depths. */
const both = [
  ...Array.from({ length: 24 }, (_, n) => `share/both-${n}`),
  'share/deep/er/still/both',
  'lib/both.so',
];
const program = 'bin/nanolin-both';

/** A tree of files by relative path. */
export function writeTree(directory: string, files: Readonly<Record<string, string>>): void {
  for (const [path, content] of Object.entries(files)) {
    const file = join(directory, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

/** A layer's tree: the common paths, each holding `word`, a program, and a file that no other layer has. */
export function writeLayerTree(directory: string, word: string): void {
  writeTree(directory, {
    ...Object.fromEntries(both.map(path => [path, `${word}\n`])),
    [`share/only/${word}`]: `${word}\n`,
  });
  mkdirSync(join(directory, dirname(program)), { recursive: true });
  copyFileSync('/bin/true', join(directory, program));
  chmodSync(join(directory, program), 0o755);
}

/** What a reader of the target may find there: any of `words`, and never nothing. */
export function expectedAt(target: string, words: readonly string[]): Expected {
  return {
    files: Object.fromEntries(both.map(path => [join(target, path), words])),
    lists: {
      [join(target, 'share')]: both
        .filter(path => /^share\/[^/]+$/.test(path))
        .map(path => path.slice('share/'.length)),
      [join(target, 'lib')]: ['both.so'],
    },
    runs: [join(target, program)],
  };
}
