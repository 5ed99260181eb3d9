import { readMountinfo } from '../kernel/index.ts';
import {
  currentGeneration,
  type Generation,
  type Holder,
  holdersOf,
  inspectIntent,
  isOurs,
  type MountRecord,
  ownRecord,
} from '../stack/index.ts';
import type { Context } from '../state/index.ts';

export interface RunningState {
  readonly generation: Generation;
  /** Targets of the committed generation, and whether its stack is mounted there. */
  readonly mounted: ReadonlyMap<string, MountRecord | null>;
  readonly holders: readonly Holder[];
  /** What mounts and state do not agree on, in sentences. */
  readonly recovery: readonly string[];
}

/** Reads only: takes no lock and repairs nothing. */
export function runningState(ctx: Context): RunningState {
  const generation = currentGeneration(ctx);
  const record = ownRecord(ctx);
  const mounts = readMountinfo();
  const standing = record.mounts.filter(own => mounts.some(mount => isOurs(mount, own)));
  const mounted = new Map(
    generation.targets.map(({ path }) => [path, standing.find(({ target }) => target === path) ?? null]),
  );
  const recovery: string[] = [];
  const intent = inspectIntent(record, mounts);
  if (intent)
    recovery.push(
      `a switch to generation ${record.intent?.to.number} did not end; the next writing command ${remedies[intent.remedy]}`,
    );
  for (const own of record.mounts)
    if (!standing.includes(own))
      recovery.push(
        `the stack on ${own.target} was unmounted by somebody else; \`nanolin profile switch --restore\` mounts it again`,
      );
  if (!intent && record.mounts.length === 0 && generation.layers.length > 0)
    recovery.push(
      `generation ${generation.number} is not mounted since the last boot; \`nanolin profile switch --restore\` mounts it`,
    );
  return { generation, mounted, holders: holdersOf(record.retired), recovery };
}

const remedies = {
  forget: 'drops it: the old stack stands',
  undo: 'undoes it: the old stack stands',
  finish: 'finishes it: the new stack stands',
  apply: 'switches to it again',
} as const;
