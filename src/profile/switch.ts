import { asNanolinError, NanolinError } from '../error/index.ts';
import { listLayers, releaseLayers } from '../layer/index.ts';
import {
  type Applied,
  applyGeneration,
  currentGeneration,
  type Generation,
  isEmptyDirectory,
  type LeftOut,
  nextNumber,
  ownRecord,
  pinsOf,
  planFor,
  readGeneration,
  runRecord,
  type Stack,
  type SwitchResult,
  sameStack,
} from '../stack/index.ts';
import type { Context } from '../state/index.ts';
import { editStack, type StackEdit } from './edit.ts';
import { loadProfile } from './load.ts';
import { compareGenerations } from './paths.ts';
import { refuseFatal } from './problem.ts';
import { type Resolved, resolveProfile } from './resolve.ts';
import { runScript } from './scripts.ts';
import { applyOptions, type ChangeOptions, type Session, writing } from './session.ts';

/** What a generation is made from, before it has a number. */
export type Wanted = Stack & Pick<Generation, 'profile' | 'leftOut' | 'reason'>;

/** Switches to what the profile says now; layers that the store lacks are left out, or refused with `strict`. */
export function switchProfile(session: Session, name: string, options: ChangeOptions): Promise<SwitchResult> {
  return writing(session, `switching to profile ${name}`, async () => {
    const resolved = await resolveNow(session, name);
    refuseFatal(resolved.problems);
    return change(session, wantedBy(resolved, options), { ...options, profile: resolved });
  });
}

/** Enables, disables or swaps layers of the running stack: a new generation on top of its profile. */
export function editRunning(
  session: Session,
  edit: StackEdit,
  options: ChangeOptions,
): Promise<SwitchResult> {
  return writing(session, describeEdit(edit), async () => {
    return changeTo(session, await wantedByEdit(session, edit, options.reason), options);
  });
}

/** The stack that is on, or where none is, the one that the profile `otherwise` comes to. Nothing is written. */
export async function wantedNow(session: Session, otherwise: string): Promise<Wanted> {
  const current = currentGeneration(session.ctx);
  if (current.targets.length > 0) return { ...current, leftOut: [] };
  const resolved = await resolveNow(session, otherwise);
  refuseFatal(resolved.problems);
  return wantedBy(resolved, {});
}

/** Switches to a stack made from `wantedNow`, with the health check of its profile. The caller holds the lock (`writing`). */
export async function changeTo(
  session: Session,
  wanted: Wanted,
  options: ChangeOptions,
): Promise<SwitchResult> {
  const profile =
    wanted.profile === null ? null : await resolveNow(session, wanted.profile).catch(asNanolinError);
  return change(session, wanted, { ...options, profile: profile instanceof NanolinError ? null : profile });
}

/** Goes back to a generation's stack, by default the one before the current; 0 is the bare base. No health check holds it up. */
export function rollBack(
  session: Session,
  number: number | undefined,
  options: ChangeOptions,
): Promise<SwitchResult> {
  return writing(session, 'rolling back', async () => {
    const current = currentGeneration(session.ctx);
    const to = readGeneration(session.ctx, number ?? current.previous);
    const reason = options.reason ?? `rollback to generation ${to.number}`;
    return change(
      session,
      { ...to, leftOut: [], reason },
      { ...options, profile: null, previous: to.previous },
    );
  });
}

/** Mounts the last committed generation again, after a reboot or when somebody unmounted it. */
export function restore(session: Session, options: ChangeOptions): Promise<SwitchResult> {
  return writing(session, 'restoring', async () => {
    const current = currentGeneration(session.ctx);
    if (await isUp(session, current, current)) return unchanged(session, current, current.leftOut);
    return await report(
      session,
      current,
      await applyGeneration(session.ctx, { ...current, leftOut: [] }, applyOptions(session, options)),
    );
  });
}

/** The stack that an edit of the running one leads to; throws when there is no profile to edit. */
export async function wantedByEdit(session: Session, edit: StackEdit, reason?: string): Promise<Wanted> {
  const current = currentGeneration(session.ctx);
  if (current.targets.length === 0)
    throw new NanolinError(
      'profile-missing',
      'no profile is on, so there is no stack to change',
      'switch to one first: nanolin profile switch NAME',
    );
  const layers = editStack(current.layers, edit, await listLayers(session.ctx));
  return { ...current, layers, leftOut: [], reason: reason ?? describeEdit(edit) };
}

/** The profile over the layers that the store has now. */
export async function resolveNow(session: Session, name: string): Promise<Resolved> {
  const { recipes } = await loadProfile(session.ctx, name);
  const { targets } = currentGeneration(session.ctx);
  // Under a stack of ours a base is not seen: what was found when the stack was first mounted holds.
  const isEmpty = (path: string) => {
    const known = targets.find(target => target.path === path);
    return known ? known.base === 'none' : isEmptyDirectory(path);
  };
  return resolveProfile(name, recipes, await listLayers(session.ctx), isEmpty);
}

export function wantedBy(resolved: Resolved, options: ChangeOptions): Wanted {
  const [first] = resolved.leftOut;
  if (options.strict && first)
    throw new NanolinError('layer-missing', first.message, 'import it, or switch without --strict');
  return {
    profile: resolved.profile,
    reason: options.reason ?? `profile ${resolved.profile}`,
    writing: resolved.writing,
    targets: resolved.targets,
    layers: resolved.layers.flatMap(({ layer }) => {
      if (!layer) return [];
      const { name, version, stamp, digest, image } = layer;
      return [{ name, version, stamp, digest, image }];
    }),
    leftOut: resolved.leftOut,
  };
}

interface Change extends ChangeOptions {
  /** Whose scripts and health check are run; null for none. */
  readonly profile: Resolved | null;
  /** Which generation a later rollback leads to, where it is not the one that is current now. */
  readonly previous?: number;
}

async function change(session: Session, wanted: Wanted, options: Change): Promise<SwitchResult> {
  const { ctx } = session;
  const before = currentGeneration(ctx);
  if (await isUp(session, before, wanted)) return unchanged(session, before, wanted.leftOut);

  const next = numbered(ctx, wanted, options.previous ?? before.number);
  const applied = await applyGeneration(ctx, next, applyOptions(session, options));
  const after = applied.generation;
  const trouble = options.profile ? await afterSwitch(session, before, after, options.profile) : null;
  if (trouble === null) return await report(session, before, applied);

  const { code, message } = trouble;
  const undone = { ...before, leftOut: [], reason: `rolled back: ${message}` };
  const back = numbered(ctx, undone, before.previous);
  const returned = await applyGeneration(ctx, back, applyOptions(session, options));
  return { ...(await report(session, before, returned)), rolledBack: { from: after.number, code, message } };
}

/** Is it the committed stack, and does every target show it? */
async function isUp(session: Session, before: Generation, wanted: Wanted): Promise<boolean> {
  if (before.profile !== wanted.profile || !sameStack(before, wanted)) return false;
  return (await planFor(session.ctx, before, applyOptions(session, {}))).moves.length === 0;
}

/** The wanted stack as the next generation; a rollback from it leads to `previous`. */
export function numbered(ctx: Context, wanted: Wanted, previous: number): Generation {
  const { layers, targets, writing, profile, leftOut, reason } = wanted;
  const time = ctx.now().toISOString();
  return {
    number: nextNumber(ctx),
    time,
    reason,
    previous,
    profile,
    leftOut,
    layers,
    targets,
    writing,
  };
}

/** SCRIPTS and HEALTHY; returns what went wrong with the new stack, or null. */
async function afterSwitch(
  session: Session,
  before: Generation,
  after: Generation,
  profile: Resolved,
): Promise<NanolinError | null> {
  const { ctx } = session;
  const run = async (event: string, body: string, timeoutMs: number) => {
    ctx.at(`switch:script:${event}`);
    const result = await runScript(ctx, {
      body,
      event,
      profile: profile.profile,
      generation: after.number,
      timeoutMs,
    });
    if (result.ok) return null;
    const why = result.cancelled
      ? 'was cancelled'
      : result.timedOut
        ? `did not end within ${timeoutMs} ms`
        : `ended with ${result.signal ?? `exit code ${result.code}`}`;
    const said = result.output.trim().split('\n').at(-1);
    return new NanolinError(
      'script-failed',
      `${event} of profile ${profile.profile} ${why}${said ? `: ${said}` : ''}`,
    );
  };
  if (before.profile !== null && before.profile !== after.profile) {
    const left = await resolveNow(session, before.profile).catch(asNanolinError);
    // The profile that is left cannot hold the switch up.
    for (const script of left instanceof NanolinError
      ? []
      : left.scripts.filter(({ event }) => event === 'disable'))
      ctx.log.warn(
        { trouble: (await run('disable', script.body, scriptPatience))?.message ?? null },
        'disable script ended',
      );
  }
  if (before.profile !== after.profile)
    for (const script of profile.scripts.filter(({ event }) => event === 'enable')) {
      const trouble = await run('enable', script.body, scriptPatience);
      if (trouble) return trouble;
    }
  return profile.healthy ? run('healthy', profile.healthy.body, profile.healthy.timeoutMs) : null;
}

/** Milliseconds that an enable or disable script may take. */
const scriptPatience = 60_000;

/** What was found after the switch; then what nothing uses any more is removed: a volatile upper is still compared here. */
async function report(session: Session, before: Generation, applied: Applied): Promise<SwitchResult> {
  const { generation, swapped, ms, writers, ways } = applied;
  const paths = countPaths(session, before, generation);
  applied.release();
  await releaseLayers(session.ctx);
  return {
    profile: generation.profile,
    generation: generation.number,
    previous: before.number,
    changed: true,
    gap: swapped.gap,
    ms,
    paths,
    leftOut: generation.leftOut,
    ...(await currentPins(session.ctx)),
    writers,
    rolledBack: null,
    ways,
  };
}

async function unchanged(
  session: Session,
  current: Generation,
  leftOut: readonly LeftOut[],
): Promise<SwitchResult> {
  return {
    profile: current.profile,
    generation: current.number,
    previous: current.number,
    changed: false,
    gap: false,
    ms: { plan: 0, prepare: 0, swap: 0, total: 0 },
    paths: { added: 0, removed: 0, changed: 0 },
    leftOut,
    ...(await currentPins(session.ctx)),
    writers: [],
    rolledBack: null,
    ways: {},
  };
}

/** Who still has an older generation; mounts that nothing pins any more are forgotten. */
async function currentPins(ctx: Context): Promise<Pick<SwitchResult, 'holders' | 'namespaces'>> {
  const record = ownRecord(ctx);
  const { holders, namespaces, pinned } = await pinsOf(record.retired, record.mounts);
  if (pinned.length !== record.retired.length || pinned.some(one => !record.retired.includes(one)))
    runRecord(ctx).write({ ...record, retired: pinned });
  return { holders, namespaces };
}

function describeEdit(edit: StackEdit): string {
  return edit.do === 'swap'
    ? `swap ${edit.old} for ${edit.replacement}`
    : `${edit.do} ${edit.layers.join(' ')}`;
}

function countPaths(session: Session, before: Generation, after: Generation): SwitchResult['paths'] {
  const paths = { added: 0, removed: 0, changed: 0 };
  try {
    for (const { changes } of compareGenerations(session, before, after)) {
      paths.added += changes.appear.length;
      paths.removed += changes.vanish.length;
      paths.changed += changes.change.length;
    }
  } catch (error) {
    // The switch is committed: a manifest that was lost since does not make it fail.
    session.ctx.log.warn({ error: asNanolinError(error).message }, 'the paths cannot be counted');
  }
  return paths;
}
