import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { NanolinError } from './error/index.ts';

/**
 * The command that runs this nanolin, for processes that outlive the caller: from src/, from dist/lib/ and from the bundle in dist/
 * alike, the checkout is some folders up. Throws needs-program.
 */
export function ownProgram(): readonly string[] {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const program = join(folder, 'dist/nanolin.js');
    if (existsSync(program)) return [process.execPath, program];
    if (folder === dirname(folder))
      throw new NanolinError('needs-program', 'dist/nanolin.js is missing', 'run `npm run build`');
  }
}
