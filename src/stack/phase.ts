/**
 * How far the swap of one target came, read off the mounts: `before` the old stack is on top alone, `beneath` the new one lies
 * under it, `done` the new one is on top, `undoing` a clone of the old one lies under the new one, `lost` neither is there.
 */
export type Phase = 'before' | 'beneath' | 'done' | 'undoing' | 'lost';

/** What a mount of ours at the target is; `clone` is the old stack's, placed by an undo. */
export type Role = 'old' | 'next' | 'clone';

/** Pure. `chain`: our mounts at the target, topmost first. */
export function phaseOf(
  move: { readonly old: unknown; readonly next: unknown },
  chain: readonly Role[],
): Phase {
  const [top, under] = chain;
  if (top === 'next') return under === undefined ? 'done' : 'undoing';
  if (top !== undefined) return under === 'next' ? 'beneath' : 'before';
  if (move.next === null) return 'done';
  return move.old === null ? 'before' : 'lost';
}

/** Pure. For a union that goes on with other layers: `shown` is the generation that it shows, null when nobody answers for it. */
export function phaseInside(next: { readonly generation: number } | null, shown: number | null): Phase {
  if (shown === null) return 'lost';
  return shown === next?.generation ? 'done' : 'before';
}

/** `forget`: nothing happened. `undo`: nothing was visible yet. `finish`: detach what is left of the old. `apply`: switch again. */
export type Remedy = 'forget' | 'undo' | 'finish' | 'apply';

/** Pure. The first detach is the commit point: before it a swap is undone, after it the swap goes forward. */
export function remedyFor(phases: readonly Phase[]): Remedy {
  if (phases.every(phase => phase === 'before')) return 'forget';
  if (phases.every(phase => phase !== 'done' && phase !== 'lost')) return 'undo';
  return phases.every(phase => phase === 'done' || phase === 'beneath') ? 'finish' : 'apply';
}
