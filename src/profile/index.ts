import { ownRecord } from '../stack/index.ts';
import type { Context } from '../state/index.ts';
import type { OwnerOptions } from './owner.ts';
import type { Session } from './session.ts';
import type { ConflictReport, PathOwner, ProfileReport, VerifyReport } from './types.ts';
import type { VerifyOptions } from './verify.ts';

export { createProfile, type NewProfile } from './create.ts';
export { diffProfiles, type ProfileDiff } from './diff.ts';
export type { StackEdit } from './edit.ts';
export { listProfiles } from './list.ts';
export type { Loaded } from './load.ts';
export { type PlannedChange, type PlanRequest, planChange } from './plan.ts';
export type { Problem } from './problem.ts';
export { reportProfile } from './report.ts';
export type { Resolved, ResolvedLayer } from './resolve.ts';
export type { ScriptResult } from './scripts.ts';
export { type ChangeOptions, type Session, writing } from './session.ts';
export { originAt, shownBelow } from './shown.ts';
export { type RunningState, runningState } from './status.ts';
export {
  changeTo,
  editRunning,
  resolveNow,
  restore,
  rollBack,
  switchProfile,
  type Wanted,
  wantedNow,
} from './switch.ts';
export { LayerTrees } from './trees.ts';
export type { ProfileReport, ProfileSummary } from './types.ts';
export { whyHeld } from './why.ts';

/** See check.ts. It and those below are loaded when they are called: a switch does not need them. */
export async function checkProfile(session: Session, name: string): Promise<ProfileReport> {
  return (await import('./check.ts')).checkProfile(session, name);
}

/** See conflicts.ts. */
export async function conflictsOf(session: Session, profile?: string): Promise<ConflictReport> {
  return (await import('./conflicts.ts')).conflictsOf(session, profile);
}

/** See keeper.ts. */
export async function keepUnions(ctx: Context, restoreAll: () => Promise<unknown>): Promise<void> {
  return (await import('./keeper.ts')).keepUnions(ctx, restoreAll);
}

/** See keeper.ts; `command` is asked for when there is something to keep. */
export async function startKeeper(ctx: Context, command: () => readonly string[]): Promise<void> {
  if (ownRecord(ctx).mounts.some(({ server }) => server !== undefined))
    (await import('./keeper.ts')).startKeeper(ctx, command());
}

/** See owner.ts. */
export async function ownersOf(
  session: Session,
  paths: readonly (string | Uint8Array)[],
  options: OwnerOptions,
): Promise<PathOwner[]> {
  return (await import('./owner.ts')).ownersOf(session, paths, options);
}

/** See verify.ts. */
export async function verifyStacks(
  session: Session,
  layers: readonly string[],
  options: VerifyOptions,
): Promise<VerifyReport> {
  return (await import('./verify.ts')).verifyStacks(session, layers, options);
}
