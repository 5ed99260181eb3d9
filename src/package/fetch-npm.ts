import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { loadMaking } from '../layer/index.ts';
import type { Context } from '../state/index.ts';

/** Lets npm fetch the tarball of one version, without running any of its scripts, and returns its path. */
export async function fetchNpm(
  ctx: Context,
  name: string,
  version: string,
  directory: string,
): Promise<string> {
  const { run } = await loadMaking();
  const options = ['--ignore-scripts', '--silent', '--pack-destination', directory];
  try {
    await run(ctx, 'npm', ['pack', ...options, '--', `${name}@${version}`], { cwd: directory });
  } catch (error) {
    if (!(error instanceof NanolinError) || error.code !== 'command-failed') throw error;
    throw new NanolinError(
      'source-missing',
      `npm brings no ${name}@${version}: ${error.message}`,
      'npm view NAME versions lists what there is',
      {
        cause: error,
      },
    );
  }
  const [file] = readdirSync(directory).filter(file => file.endsWith('.tgz'));
  if (file === undefined)
    throw new NanolinError('source-missing', `npm brought no file for ${name}@${version}`);
  return join(directory, file);
}
