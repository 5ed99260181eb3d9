import type { OwnedKeys } from './runs.ts';

/** Merges what is sorted: each key once, rising, with all its owners, rising; one that comes several times counts once. */
export function* mergeKeys(sources: readonly OwnedKeys[]): Generator<{ key: string; owners: number[] }> {
  const heap = new Heap(sources.filter(source => source.next()));
  for (let top = heap.top(); top; top = heap.top()) {
    const { key } = top;
    const owners: number[] = [];
    for (; top?.key === key; top = heap.top()) {
      for (const owner of top.owners) owners.push(owner);
      heap.advance();
    }
    yield { key, owners: rising(owners) };
  }
}

function rising(owners: number[]): number[] {
  if (owners.every((owner, at) => at === 0 || (owners[at - 1] as number) < owner)) return owners;
  return [...new Set(owners)].sort((a, b) => a - b);
}

/** A binary heap of sources by their keys. */
class Heap {
  readonly #sources: OwnedKeys[];

  constructor(sources: OwnedKeys[]) {
    this.#sources = sources.sort((a, b) => (a.key < b.key ? -1 : 1));
  }

  top(): OwnedKeys | undefined {
    return this.#sources[0];
  }

  /** The top one goes on to its next key, or out. */
  advance(): void {
    const sources = this.#sources;
    let moving = sources[0] as OwnedKeys;
    if (!moving.next()) {
      const last = sources.pop() as OwnedKeys;
      if (sources.length === 0) return;
      moving = last;
    }
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= sources.length) break;
      if (
        child + 1 < sources.length &&
        (sources[child + 1] as OwnedKeys).key < (sources[child] as OwnedKeys).key
      )
        child++;
      if (moving.key <= (sources[child] as OwnedKeys).key) break;
      sources[at] = sources[child] as OwnedKeys;
      at = child;
    }
    sources[at] = moving;
  }
}
