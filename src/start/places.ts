import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Places {
  /** The checkout. */
  readonly top: string;
  /** The --root of the story, kept between runs so that a second one finds its layers. */
  readonly root: string;
  /** This program, to start it again in another role. */
  readonly program: string;
}

export function places(): Places {
  const program = fileURLToPath(import.meta.url);
  let top = dirname(program);
  // From dist/ as from src/start/.
  while (!existsSync(join(top, 'profiles/base.rcp')) && top !== '/') top = dirname(top);
  // The stack is mounted on /usr: what lies below it cannot hold the stack's own images.
  const root = top.startsWith('/usr/') ? '/var/tmp/nanolin-start' : join(top, '.cache/start');
  return { top, root, program: process.argv[1] ?? program };
}
