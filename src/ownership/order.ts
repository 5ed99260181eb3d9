/**
 * What is not in place when one order becomes the other: all but a longest run of things that both have in the same relative
 * order. Things are told apart by identity and each is in an order once.
 */
export function displaced<T>(before: readonly T[], after: readonly T[]): Set<T> {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let cut = 0;
  const most = Math.min(before.length, after.length) - start;
  while (cut < most && before[before.length - 1 - cut] === after[after.length - 1 - cut]) cut++;

  const left = before.slice(start, before.length - cut);
  const right = after.slice(start, after.length - cut);
  const moved = new Set([...left, ...right]);
  if (left.length > 0 && right.length > 0) for (const kept of longestRun(left, right)) moved.delete(kept);
  return moved;
}

/** Longest increasing subsequence (patience sorting) of the places that the things of `after` have in `before`. */
function longestRun<T>(before: readonly T[], after: readonly T[]): T[] {
  const places = new Map(before.map((thing, place) => [thing, place]));
  interface Pile {
    readonly thing: T;
    readonly place: number;
    readonly under: Pile | undefined;
  }
  const piles: Pile[] = [];
  for (const thing of after) {
    const place = places.get(thing);
    if (place === undefined) continue;
    let low = 0;
    for (let high = piles.length; low < high; ) {
      const middle = (low + high) >>> 1;
      if ((piles[middle]?.place ?? 0) < place) low = middle + 1;
      else high = middle;
    }
    piles[low] = { thing, place, under: piles[low - 1] };
  }
  const run: T[] = [];
  for (let pile = piles.at(-1); pile !== undefined; pile = pile.under) run.push(pile.thing);
  return run;
}
