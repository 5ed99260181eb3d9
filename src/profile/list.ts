import { asNanolinError } from '../error/index.ts';
import type { Context } from '../state/context.ts';
import { profileFile, profileNames, readProfile } from './load.ts';
import type { ProfileSummary } from './types.ts';

/** Every profile of the directory, sorted by name; a broken one stands among them with its error. */
export async function listProfiles(ctx: Context, active: string | null): Promise<ProfileSummary[]> {
  const summaries: ProfileSummary[] = [];
  for (const name of await profileNames(ctx)) {
    const { comment, error } = await readProfile(ctx, name).then(
      ({ recipe }) => ({ comment: recipe.comment, error: null }),
      thrown => ({ comment: '', error: asNanolinError(thrown).message }),
    );
    summaries.push({ name, comment, file: profileFile(ctx, name), active: name === active, error });
  }
  return summaries;
}
