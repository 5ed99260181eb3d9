import type { Resolved } from './resolve.ts';

export interface ProfileDiff {
  /** `name version`, bottom first; a layer in another version is among the removed and the added. */
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** In both, but at another place among those that are in both: the fewest that explain the new order. */
  readonly moved: readonly string[];
  readonly targets: { readonly added: readonly string[]; readonly removed: readonly string[] };
}

/** What a switch from `a` to `b` would change in layers and targets. */
export function diffProfiles(a: Resolved, b: Resolved): ProfileDiff {
  const before = labels(a);
  const after = labels(b);
  const was = new Map(before.map((label, i) => [label, i]));
  const common = after.filter(label => was.has(label));
  const kept = new Set(longestRising(common.map(label => was.get(label) as number)).map(i => before[i]));
  const now = new Set(after);
  return {
    added: after.filter(label => !was.has(label)),
    removed: before.filter(label => !now.has(label)),
    moved: common.filter(label => !kept.has(label)),
    targets: {
      added: paths(b).filter(path => !paths(a).includes(path)),
      removed: paths(a).filter(path => !paths(b).includes(path)),
    },
  };
}

function labels({ layers }: Resolved): string[] {
  return layers
    .map(({ query, layer }) => (layer ? `${layer.name} ${layer.version}` : `${query} (missing)`))
    .reverse();
}

function paths({ targets }: Resolved): string[] {
  return targets.map(({ path }) => path);
}

/** A longest subsequence that only rises (patience sorting). */
function longestRising(numbers: readonly number[]): number[] {
  const tops: number[] = [];
  const before = new Map<number, number | undefined>();
  for (const number of numbers) {
    let pile = tops.findIndex(top => top > number);
    if (pile < 0) pile = tops.length;
    before.set(number, tops[pile - 1]);
    tops[pile] = number;
  }
  const rising: number[] = [];
  for (let at = tops.at(-1); at !== undefined; at = before.get(at)) rising.unshift(at);
  return rising;
}
