import { findLayer } from '../layer/index.ts';
import { verifyUpper } from '../ownership/index.ts';
import { deepVerify } from './deep.ts';
import { LiveStacks, type LiveTarget } from './live.ts';
import type { Session } from './session.ts';
import { originAt, shown, shownBelow } from './shown.ts';
import type { LocalPath, VerifyReport } from './types.ts';
import { stackedLayers } from './unions.ts';

export interface VerifyOptions {
  /** Read every file of the layers, too, and compare it with the manifest. */
  readonly deep?: boolean | undefined;
}

/**
 * What programs of this machine changed in the writable stacks: a walk of their uppers alone, for layers cannot change while they are
 * mounted. With layers named, only what was done to paths of theirs. `deep` reads those layers, or all that are on, or where nothing is on
 * all of the store's, and compares. Throws layer-missing.
 */
export async function verifyStacks(
  session: Session,
  queries: readonly string[],
  { deep = false }: VerifyOptions = {},
): Promise<VerifyReport> {
  const { ctx } = session;
  const named = await Promise.all(queries.map(query => findLayer(ctx, query)));
  using stacks = new LiveStacks(session);
  const local = stacks.targets.flatMap(localChanges);
  const theirs = local.filter(({ of }) =>
    named.some(({ name, version }) => of?.layer === name && of.version === version),
  );
  return {
    local: named.length > 0 ? theirs : local,
    layers: deep
      ? await deepVerify(session, named.length > 0 ? named : stackedLayers(stacks.generation))
      : [],
  };
}

function localChanges({ path: target, union }: LiveTarget): LocalPath[] {
  const [upper, ...lowers] = union.lowers;
  if (upper === undefined || union.origins[0] !== 'upper') return [];
  return [...verifyUpper(upper, { lowers })].map(({ path, kind, lower }) => ({
    target: shown(target),
    path: shownBelow(shown(target), path),
    kind,
    of: lower === null ? null : originAt(union.origins, lower + 1),
  }));
}
