import type { Entry } from '../formats/index.ts';

/**
 * In which way an image's tree is not what its manifest says, or null. Both directions count: a file that the manifest leaves out is
 * one that nobody vouched for. Tags are a packager's word about a path and stand in no image.
 */
export function compareEntries(listed: readonly Entry[], found: readonly Entry[]): string | null {
  const wanted = describe(listed);
  const there = describe(found);
  const extra = [...there.keys()].filter(path => !wanted.has(path));
  if (extra.length > 0) return `its manifest leaves out ${some(extra)}`;
  const lost = [...wanted.keys()].filter(path => !there.has(path));
  if (lost.length > 0) return `its manifest lists what it lacks: ${some(lost)}`;
  const other = [...wanted].filter(([path, words]) => there.get(path) !== words).map(([path]) => path);
  return other.length > 0 ? `its manifest says something else of ${some(other)}` : null;
}

/** All that an image says of each path, in words that are equal where it is. */
function describe(entries: readonly Entry[]): Map<string, string> {
  const first = new Map<number, string>();
  for (const { path, inode } of entries)
    if (inode !== undefined && path < (first.get(inode) ?? '\uffff')) first.set(inode, path);
  return new Map(
    entries.map(({ path, type, mode, uid, gid, size, sha256, link, device, inode, xattrs = {} }) => {
      const attributes = Object.entries(xattrs)
        .map(([name, value]) => [name, Buffer.from(value).toString('base64')])
        .sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
      // Names of one inode have the first of them in common; numbers of inodes are each side's own.
      const shared = inode === undefined ? path : first.get(inode);
      const numbers = [mode, uid, gid, size, device?.major, device?.minor];
      return [path, JSON.stringify([type, numbers, sha256, link, shared, attributes])];
    }),
  );
}

/** The first few of the paths, and how many more. */
function some(paths: readonly string[]): string {
  const shown = paths
    .slice(0, 3)
    .map(path => `/${Buffer.from(path, 'latin1').toString('utf8').slice(0, 200)}`);
  const more = paths.length - shown.length;
  return `${JSON.stringify(shown.join(', ')).slice(1, -1)}${more > 0 ? ` and ${more} more` : ''}`;
}
