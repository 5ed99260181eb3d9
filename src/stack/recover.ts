import { NanolinError } from '../error/index.ts';
import { MNT_DETACH, type Mount, native, readMountinfo, topmost } from '../kernel/index.ts';
import type { Context } from '../state/index.ts';
import { currentGeneration, stageGeneration } from './history.ts';
import { identified, mayMount, takeOff } from './in-place.ts';
import { isOurs } from './mounted.ts';
import { type Phase, phaseInside, phaseOf, type Remedy, type Role, remedyFor } from './phase.ts';
import {
  type Intent,
  type MountRecord,
  type Move,
  ownRecord,
  type Retired,
  type RunRecord,
  runRecord,
} from './record.ts';
import type { Generation } from './types.ts';
import { undoBeneath } from './undo.ts';
import { dyingStacks, settle } from './unions.ts';

export interface Recovery {
  readonly remedy: Remedy;
  /** What was found and done, in one sentence for the admin. */
  readonly message: string;
  /** What has to be switched to, now that the mounts are in order; null when nothing has. */
  readonly apply: Generation | null;
}

/** What a crash left of a switch; null when nothing. `shown` is what the unions that stay say of themselves. Changes nothing. */
export function inspectIntent(
  record: RunRecord,
  mounts: readonly Mount[],
  shown: ReadonlyMap<string, number | null>,
): { remedy: Remedy; phases: Phase[] } | null {
  if (!record.intent) return null;
  const phases = record.intent.moves.map(move =>
    move.inside
      ? phaseInside(move.next, shown.get(move.old?.source ?? '') ?? null)
      : phaseOf(move, chainOf(move, mounts)),
  );
  return { remedy: remedyFor(phases), phases };
}

/**
 * Finishes or undoes the switch that an earlier process left half-way: it looks at what is mounted and at what was meant, and
 * replays nothing. A stack that nobody serves any more is to be mounted again. Run under the lock, at the start of every writing
 * command.
 */
export async function recoverSwitch(ctx: Context): Promise<Recovery | null> {
  const recovery = await recoverIntent(ctx);
  if (recovery?.apply) return recovery;
  const dead = await dyingStacks(ownRecord(ctx).mounts);
  if (dead.length === 0) return recovery;
  // Who may mount puts the next one beneath first.
  if (!mayMount()) for (const own of dead) takeOff(own);
  const targets = dead.map(({ target }) => target).join(', ');
  const message = `the process that served the stack on ${targets} has ended: it is mounted again`;
  return { remedy: 'apply', message, apply: currentGeneration(ctx) };
}

async function recoverIntent(ctx: Context): Promise<Recovery | null> {
  const document = runRecord(ctx);
  const record = ownRecord(ctx);
  if (!record.intent) return null;
  const shown = await settle(record.intent.moves);
  const found = inspectIntent(record, readMountinfo(), shown);
  if (!found) return null;
  const { intent } = record;
  ctx.at(`recover:${found.remedy}`);
  const say = (what: string) => `the switch to generation ${intent.to.number} did not end: ${what}`;

  if (found.remedy === 'forget' || found.remedy === 'undo') {
    const old = intent.moves.map((move, i) => undoMove(ctx, move, found.phases[i] ?? 'before'));
    document.write({
      ...document.read(),
      mounts: [...intent.kept, ...old.filter(mount => mount !== null)],
      intent: null,
    });
    return { remedy: found.remedy, message: say('the old stack stands'), apply: null };
  }

  for (const [i, move] of intent.moves.entries()) {
    if (found.phases[i] === 'beneath' || found.phases[i] === 'undoing')
      native.umount2(move.target, MNT_DETACH);
    ctx.at('recover:detached');
  }
  if (found.remedy === 'finish') {
    using staged = stageGeneration(ctx, intent.to);
    staged.commit();
    document.write({
      ...record,
      mounts: mountsAfter(intent),
      intent: null,
      retired: retiredBy(record, intent),
    });
    return { remedy: found.remedy, message: say('it was finished'), apply: null };
  }
  const mounts = mountsNow(record, intent, shown, readMountinfo());
  document.write({ ...record, mounts, intent: null, retired: retiredBy(record, intent) });
  return { remedy: found.remedy, message: say('it is switched to again'), apply: intent.to };
}

/** Processes may hold the old stacks of a switch that was finished, too. */
function retiredBy(record: RunRecord, { moves }: Intent): Retired[] {
  const old = moves.flatMap(move => (move.inside ? [] : (move.old ?? [])));
  return [
    ...record.retired,
    ...old.map(({ generation, identity, source, target }) => ({ generation, identity, source, target })),
  ];
}

export function mountsAfter(intent: Intent): MountRecord[] {
  return [...intent.kept, ...intent.moves.flatMap(move => (move.next ? [identified(move.next)] : []))];
}

function mountsNow(
  record: RunRecord,
  intent: Intent,
  shown: ReadonlyMap<string, number | null>,
  mounts: readonly Mount[],
): MountRecord[] {
  // One mount has two records there, and what the union says tells which of them holds.
  const inside = intent.moves.flatMap(({ old, next, inside }) =>
    inside ? [shown.get(old?.source ?? '') === next?.generation ? next : old] : [],
  );
  const known = [
    ...intent.kept,
    ...intent.moves.flatMap(({ old, next, clone }) => [old, next, clone ?? null]),
  ];
  return [...inside, ...record.mounts, ...known].filter(
    (own, i, all): own is MountRecord =>
      own !== null &&
      mounts.some(mount => isOurs(mount, own)) &&
      all.findIndex(other => other?.identity.id === own.identity.id) === i,
  );
}

/** Returns the mount that stands at the target afterwards. */
function undoMove(ctx: Context, move: Move, phase: Phase): MountRecord | null {
  if (phase === 'undoing') {
    native.umount2(move.target, MNT_DETACH);
    return move.clone ?? null;
  }
  if (phase !== 'beneath') return move.clone ?? move.old;
  const old = move.clone ?? move.old;
  if (!old) throw new NanolinError('bug', `a stack lies beneath nothing on ${move.target}`);
  let clone: MountRecord = old;
  undoBeneath(move.target, identity => {
    clone = { ...old, identity };
    rememberClone(ctx, move.target, clone);
    ctx.at('recover:cloned');
  });
  return clone;
}

/** The clone is ours from the moment it may be mounted: a crash in the middle of an undo is recovered like any other. */
function rememberClone(ctx: Context, target: string, clone: MountRecord): void {
  const document = runRecord(ctx);
  const record = document.read();
  if (!record.intent) return;
  const moves = record.intent.moves.map(move => (move.target === target ? { ...move, clone } : move));
  document.write({ ...record, intent: { ...record.intent, moves } });
}

/** Our mounts at the move's target, topmost first. */
function chainOf(move: Move, mounts: readonly Mount[]): Role[] {
  const chain: Role[] = [];
  for (let at = topmost(mounts, move.target); at; at = mounts.find(mount => mount.id === at?.parent)) {
    const role = roleOf(move, at);
    if (role === null) break;
    chain.push(role);
  }
  return chain;
}

function roleOf(move: Move, mount: Mount): Role | null {
  if (move.next && isOurs(mount, move.next)) return 'next';
  if (move.old && isOurs(mount, move.old)) return 'old';
  return move.clone && isOurs(mount, move.clone) ? 'clone' : null;
}
