/**
 * The first file that a unified diff names and that does not lie in the tree it is for; null where all do. patch(1) refuses such names too
 * (pch.c, since 2.7), but with a message about something else. `strip` components of the name are taken off, as by -pN.
 */
export function leavesTree(diff: string, strip = 1): string | null {
  for (const line of diff.split('\n')) {
    const [, stripped, plain] =
      /^(?:(?:---|\+\+\+|Index:) ([^\t\r]*)|(?:rename|copy) (?:from|to) ([^\t\r]*))/.exec(line) ?? [];
    const name = stripped?.replace(/ \d{4}-\d\d-\d\d .*$/, '') ?? plain;
    if (name === undefined || name === '/dev/null') continue;
    const kept = stripped === undefined ? name : name.split('/').slice(strip).join('/');
    if (
      name.startsWith('/') ||
      kept.startsWith('/') ||
      kept.split('/').includes('..') ||
      name.startsWith('../')
    )
      return name;
  }
  return null;
}
