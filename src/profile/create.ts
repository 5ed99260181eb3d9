import { link, mkdir, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { isPackageName, parseQuery, parseRecipe, profileFrom } from '../formats/index.ts';
import type { Context } from '../state/context.ts';
import { profileFile } from './load.ts';

export interface NewProfile {
  readonly targets?: readonly string[];
  readonly enables?: readonly string[];
  readonly imports?: readonly string[];
}

/**
 * Writes a commented skeleton of a profile and returns its path. Throws `usage` for a name or a value that no recipe
 * can hold and `refused` where the file exists: an admin's file is never overwritten.
 */
export async function createProfile(ctx: Context, name: string, content: NewProfile = {}): Promise<string> {
  if (!isPackageName(name))
    throw new NanolinError(
      'usage',
      `${JSON.stringify(name.slice(0, 80))} is not a profile's name`,
      'a name is [a-z0-9][a-z0-9+._-]*',
    );
  for (const text of content.enables ?? []) parseQuery(text);
  // A word with a line end in it would become a directive of its own.
  for (const word of Object.values(content).flat())
    if (!/^\S+$/.test(word))
      throw new NanolinError('usage', `${JSON.stringify(word.slice(0, 80))} is not one word`);
  const file = profileFile(ctx, name);
  const text = skeleton(name, content);
  // What cannot be read back is not written.
  profileFrom(parseRecipe(text, { file, strict: true }));
  await mkdir(dirname(file), { recursive: true });
  await writeNew(file, text);
  return file;
}

/** A link fails where the name exists, so the whole file appears or nothing does, also between two of us. */
async function writeNew(file: string, text: string): Promise<void> {
  const temporary = join(dirname(file), `.new-${process.pid}-${Date.now()}`);
  try {
    await using handle = await open(temporary, 'wx', 0o644);
    await handle.writeFile(text);
    await handle.sync();
    await link(temporary, file);
    await using directory = await open(dirname(file), 'r');
    await directory.sync();
  } catch (thrown) {
    if ((thrown as { code?: unknown }).code !== 'EEXIST') throw thrown;
    throw new NanolinError('refused', `${file} exists`, 'edit it, or take another name');
  } finally {
    await rm(temporary, { force: true });
  }
}

function skeleton(name: string, { targets = [], enables = [], imports = [] }: NewProfile): string {
  const line = (keyword: string, words: readonly string[], example: string) =>
    words.length > 0 ? `${keyword} ${words.join(' ')}` : `# ${keyword} ${example}`;
  return `PROFILE ${name}
COMMENT what it is for

# Profiles it starts from, in this order.
${line('IMPORTS', imports, 'base')}

# Where the layers appear. base=none hides what the directory holds; from=DIR takes another part of the images.
${line('TARGETS', targets.length > 0 || imports.length > 0 ? targets : ['/usr'], '/usr')}

# Layers, bottom first: name, name=1.2, name>=1.2, or the path of an image. DISABLE takes one of an import's away.
${line('ENABLES', enables, 'nginx-common nginx>=1.22')}
# DISABLE tree

# none: read-only. volatile: writable until the stack is left. persist: what is written stays.
# WRITING none

# Run after the switch; if it fails or takes too long, the switch is taken back.
# HEALTHY timeout=5s
# \tnginx -v

# Run at enable, disable, startup, shutdown or login.
# SCRIPTS enable
# \techo "generation $NANOLIN_GENERATION of $NANOLIN_PROFILE"
`;
}
