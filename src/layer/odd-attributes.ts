import type { Context } from '../state/index.ts';
import { failure, plainEnvironment } from './run.ts';
import { Bytes, block, numberAt, padded, readPax, ustarName } from './tar-format.ts';

/**
 * Attributes of entries whose names are not UTF-8: the addon's calls take strings, so libarchive reads these few and its pax headers are
 * parsed. `root` is `/proc/self/fd/N`, or any other directory; the paths are byte strings.
 */
export async function readOddAttributes(
  ctx: Context,
  root: string,
  paths: readonly string[],
): Promise<Map<string, Record<string, Uint8Array>>> {
  const found = new Map<string, Record<string, Uint8Array>>();
  if (paths.length === 0) return found;
  const { execa } = await import('execa');
  // The other program has descriptors of its own.
  const ours = root.replace(/^\/proc\/self\//, `/proc/${process.pid}/`);
  const reader = execa(
    'bsdtar',
    ['-cf', '-', '--format=pax', '--xattrs', '-n', '--null', '-C', ours, '-T', '-'],
    {
      env: { ...plainEnvironment },
      cancelSignal: ctx.signal,
      reject: false,
      buffer: { stdout: false },
      input: Buffer.from(paths.map(path => `./${path}\0`).join(''), 'latin1'),
    },
  );
  let attributes: Record<string, Uint8Array> = Object.create(null);
  let long: string | undefined;
  let stored: number | undefined;
  const bytes = new Bytes(reader.stdout);
  for (
    let header = await bytes.take(block);
    header?.some(byte => byte !== 0);
    header = await bytes.take(block)
  ) {
    const size = numberAt(header, 124, 12);
    const body = String.fromCharCode(header[156] ?? 0) === 'x' ? await bytes.take(padded(size)) : null;
    if (body) {
      for (const { key, value } of readPax(body.subarray(0, size))) {
        if (key === 'path') long = value;
        if (key === 'size') stored = Number(value);
        if (key.startsWith('SCHILY.xattr.'))
          attributes[key.slice('SCHILY.xattr.'.length)] = Buffer.from(value, 'latin1');
      }
      continue;
    }
    const path = (long ?? ustarName(header)).replace(/^\.\//, '').replace(/\/$/, '');
    if (Object.keys(attributes).length > 0) found.set(path, attributes);
    for await (const _ of bytes.pass(padded(stored ?? size)));
    [attributes, long, stored] = [Object.create(null), undefined, undefined];
  }
  for await (const _ of bytes.rest());
  const end = await reader;
  if (end.failed) throw failure(ctx, 'bsdtar', end);
  return found;
}
