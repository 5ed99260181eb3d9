import { asNanolinError, NanolinError } from '../error/index.ts';
import { conflictProblems, conflictsOf } from './conflicts.ts';
import { loadProfile } from './load.ts';
import { problem } from './problem.ts';
import { reportProfile } from './report.ts';
import type { Session } from './session.ts';
import { resolveNow } from './switch.ts';
import type { ProfileReport } from './types.ts';

/** What a profile comes to, with all that is doubtful in it: in its recipes, and between its layers. */
export async function checkProfile(session: Session, name: string): Promise<ProfileReport> {
  const { doubts } = await loadProfile(session.ctx, name);
  const resolved = await resolveNow(session, name);
  const conflicts = await conflictsOf(session, name).catch(asNanolinError);
  if (conflicts instanceof NanolinError) {
    const { code, message, hint } = conflicts;
    return reportProfile(resolved, [...doubts, problem(code, message, hint ?? null, false)]);
  }
  return { ...reportProfile(resolved, [...doubts, ...conflictProblems(conflicts)]), conflicts };
}
