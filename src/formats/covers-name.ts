/** `*` and `?` of REPLACE, in time that grows with the product of the lengths, whatever the glob. */
export function coversName(glob: string, name: string): boolean {
  let reached = new Set([0]);
  for (const letter of glob) {
    const next = new Set<number>();
    if (letter === '*') for (let at = Math.min(...reached); at <= name.length; at++) next.add(at);
    else
      for (const at of reached)
        if (at < name.length && (letter === '?' || letter === name[at])) next.add(at + 1);
    if (next.size === 0) return false;
    reached = next;
  }
  return reached.has(name.length);
}
