import { statSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';
import { keyNames, publicPath, readTrusted } from './key-directory.ts';
import type { TrustedKey } from './types.ts';

/** The keys whose signatures count. A file that is not safe or not sound is left out, with a warning: it takes no other down. */
export function trustedKeys(ctx: Context): TrustedKey[] {
  return keyNames(ctx).flatMap(name => {
    const found = readTrusted(ctx, name);
    if (!found) return [];
    if ('key' in found) return [found.key];
    ctx.log.warn({ key: name }, `not trusted: ${found.problem.message}`);
    return [];
  });
}

/** Keys by fingerprint, as the directory was with that mark; each with its file and the file's mark. */
interface Known {
  readonly directory: string;
  readonly mark: string;
  readonly files: ReadonlyMap<string, { readonly file: string; readonly mark: string }>;
}

let known: Known | null = null;

/**
 * Throws unsigned when what this key signed no longer counts, because its file was taken away. Two calls of stat(2) where nothing
 * changed: a switch of 500 signed layers asks 500 times.
 */
export function checkTrusted(
  ctx: Context,
  signer: { name: string; fingerprint: string },
  subject: string,
): void {
  const directory = ctx.paths.keys;
  if (known?.directory !== directory || known.mark !== markOf(directory)) known = look(ctx);
  const seen = known.files.get(signer.fingerprint);
  if (seen && markOf(seen.file) === seen.mark) return;
  known = look(ctx);
  if (known.files.has(signer.fingerprint)) return;
  throw new NanolinError(
    'unsigned',
    `${subject} is signed by the key ${signer.name}, which is not trusted any more`,
    'import it again with a signature of a trusted key',
  );
}

function look(ctx: Context): Known {
  // Each mark before the content: what changes in between is looked at again.
  const directory = ctx.paths.keys;
  const mark = markOf(directory);
  const files = new Map<string, { file: string; mark: string }>();
  for (const name of keyNames(ctx)) {
    const file = publicPath(ctx, name);
    const mark = markOf(file);
    const found = readTrusted(ctx, name);
    if (found && 'key' in found) files.set(found.key.fingerprint, { file, mark });
  }
  return { directory, mark, files };
}

function markOf(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.ctimeNs}` : '';
}
