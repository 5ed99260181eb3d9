import { changeTo, type Session, writing } from '../profile/index.ts';
import type { Writers } from '../stack/index.ts';
import { nameOf, type PackageChange, readFacts } from './install.ts';
import { packageRecords } from './install-records.ts';
import { refOf } from './install-stack.ts';
import { planRemove } from './remove-plan.ts';
import { Universe } from './universe.ts';

export interface RemoveOptions {
  /** Also what needs them. */
  readonly cascade?: boolean;
  /** Also what came for the sake of another and is needed by nothing any more. */
  readonly autoremove?: boolean;
  readonly dryRun?: boolean;
  readonly writers?: Writers | undefined;
  readonly reason?: string | undefined;
}

/**
 * Takes packages off the running stack, in one generation. Their images stay in the store, so that a rollback finds them. Throws
 * layer-missing, or `conflict` with the names of those who need them.
 */
export function removePackages(
  session: Session,
  names: readonly string[],
  options: RemoveOptions = {},
): Promise<PackageChange> {
  const body = () => remove(session, names, options);
  return options.dryRun ? body() : writing(session, `removing ${names.join(' ')}`, body);
}

async function remove(
  session: Session,
  names: readonly string[],
  options: RemoveOptions,
): Promise<PackageChange> {
  const { ctx } = session;
  const { on, auto, base, records, wanted } = await readFacts(session);
  const everyone = new Set(on.map(({ name }) => name));
  const universe = new Universe([...on, ...base], { crossing: everyone });
  // What is installed and off for now is only forgotten.
  const off = names.filter(name => !everyone.has(name) && records.some(record => record.name === name));
  const present = names.filter(name => !off.includes(name));
  const { drop, unneeded } = planRemove(present, { on, auto, universe }, options);
  const shown = {
    add: [],
    drop: drop.map(nameOf),
    unneeded: unneeded.filter(one => !drop.includes(one)).map(nameOf),
    doubts: [],
  };
  if (options.dryRun) return { ...shown, switched: null };
  const gone = new Set([...off, ...drop.map(({ name }) => name)]);
  packageRecords(ctx).write({ packages: records.filter(({ name }) => !gone.has(name)) });
  if (drop.length === 0) return { ...shown, switched: null };
  const reason = options.reason ?? `package remove ${names.join(' ')}`;
  const layers = on.filter(({ name }) => !gone.has(name)).map(({ layer }) => refOf(layer));
  try {
    const switched = await changeTo(
      session,
      { ...wanted, layers, reason },
      { writers: options.writers, reason },
    );
    if (switched.rolledBack) packageRecords(ctx).write({ packages: records });
    return { ...shown, switched };
  } catch (error) {
    packageRecords(ctx).write({ packages: records });
    throw error;
  }
}
