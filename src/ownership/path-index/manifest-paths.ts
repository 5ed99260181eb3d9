import { createHash } from 'node:crypto';
import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { NanolinError } from '../../error/index.ts';
import { maxManifestLine } from '../../formats/index.ts';
import { unescaped } from '../manifest-line.ts';

const chunkSize = 256 * 1024;
const whiteoutMark = 'trusted.overlay.whiteout=';

/**
 * The paths that a canonical manifest brings, in its order and without the whiteouts, in memory that does not grow with the file.
 * Throws `image-changed` at its end where its SHA-256 is not `digest`, and `image-invalid` for a line that is none of a manifest.
 */
export function* manifestPaths(file: string, digest: string): Generator<string> {
  const hash = createHash('sha256');
  // The lines behind an entry's own say whether it is a whiteout.
  let pending: string | null = null;
  for (const line of lines(file, hash)) {
    if (line.startsWith('#')) {
      if (line.startsWith('#xattr ') && line.startsWith(whiteoutMark, line.indexOf(' ', 7) + 1))
        pending = null;
      continue;
    }
    if (pending !== null) yield pending;
    pending = pathIn(line, file);
  }
  if (pending !== null) yield pending;
  if (hash.digest('hex') !== digest)
    throw new NanolinError(
      'image-changed',
      `${file} is not what was written at the import`,
      'nanolin layer verify says more; import the layer again',
    );
}

/** Null for a whiteout. */
function pathIn(line: string, file: string): string | null {
  const space = line.indexOf(' ');
  if (space < 0 || !(line.startsWith('./') || line.startsWith('. ')))
    throw new NanolinError('image-invalid', `${file} is no manifest`, 'import the layer again');
  if (line.startsWith('type=char', space + 1) && / device=native,0,0(?: |$)/.test(line)) return null;
  return unescaped(line.slice(2, Math.max(space, 2)));
}

function* lines(file: string, hash: { update(bytes: Buffer): unknown }): Generator<string> {
  const fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    // Most manifests are small, and there may be tens of thousands of them: what is allocated for each is gone only with the next GC.
    const buffer = Buffer.allocUnsafe(Math.min(fstatSync(fd).size + 1, chunkSize));
    let held = 0;
    for (;;) {
      const got = readSync(fd, buffer, held, buffer.length - held, null);
      if (got === 0) break;
      hash.update(buffer.subarray(held, held + got));
      const end = held + got;
      let start = 0;
      for (
        let newline = buffer.indexOf(0x0a);
        newline >= 0 && newline < end;
        newline = buffer.indexOf(0x0a, start)
      ) {
        yield buffer.toString('latin1', start, newline);
        start = newline + 1;
      }
      held = buffer.copy(buffer, 0, start, end);
      if (held > maxManifestLine) break;
    }
    if (held > 0)
      throw new NanolinError(
        'image-invalid',
        `${file} has a line that does not end`,
        'import the layer again',
      );
  } finally {
    closeSync(fd);
  }
}
