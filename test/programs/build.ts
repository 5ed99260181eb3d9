import { execFileSync } from 'node:child_process';
import { mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const sources = dirname(fileURLToPath(import.meta.url));
const built = join(sources, '../../.cache/programs');

/**
 * Path of the binary made from NAME.c beside this file, compiled when the source is newer. Two processes may ask at once: each
 * compiles to a name of its own and renames it into place.
 */
export function program(name: string): string {
  const source = join(sources, `${name}.c`);
  const binary = join(built, name);
  if (modified(binary) > modified(source)) return binary;
  mkdirSync(built, { recursive: true });
  const temporary = `${binary}.${process.pid}`;
  execFileSync(
    'cc',
    ['-std=gnu17', '-O2', '-Wall', '-Wextra', '-Werror', '-pthread', '-o', temporary, source],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  );
  renameSync(temporary, binary);
  return binary;
}

const modified = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
