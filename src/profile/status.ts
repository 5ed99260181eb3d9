import { readMountinfo } from '../kernel/index.ts';
import {
  type Backend,
  backendOf,
  currentGeneration,
  deadStacks,
  type Generation,
  generationsShown,
  inspectIntent,
  isOurs,
  type MountRecord,
  ownRecord,
  type Pins,
  pinsOf,
} from '../stack/index.ts';
import type { Context } from '../state/index.ts';

export interface RunningState extends Pick<Pins, 'holders' | 'namespaces'> {
  readonly generation: Generation;
  /** Who mounted what stands; null where nothing does. */
  readonly backend: Backend | null;
  /** Targets of the committed generation, and whether its stack is mounted there. */
  readonly mounted: ReadonlyMap<string, MountRecord | null>;
  /** What mounts and state do not agree on, in sentences. */
  readonly recovery: readonly string[];
}

/** The committed generation, and which of its stacks are mounted. */
export function standingStacks(ctx: Context) {
  const generation = currentGeneration(ctx);
  const record = ownRecord(ctx);
  const mounts = readMountinfo();
  const standing = record.mounts.filter(own => mounts.some(mount => isOurs(mount, own)));
  const mounted: RunningState['mounted'] = new Map(
    generation.targets.map(({ path }) => [path, standing.find(({ target }) => target === path) ?? null]),
  );
  return { generation, record, mounts, standing, mounted };
}

/** Reads only: takes no lock and repairs nothing. */
export async function runningState(ctx: Context): Promise<RunningState> {
  const { generation, record, mounts, standing, mounted } = standingStacks(ctx);
  const recovery: string[] = [];
  const intent = inspectIntent(record, mounts, await generationsShown(record.intent?.moves ?? []));
  if (intent)
    recovery.push(
      `a switch to generation ${record.intent?.to.number} did not end; the next writing command ${remedies[intent.remedy]}`,
    );
  for (const own of record.mounts)
    if (!standing.includes(own))
      recovery.push(
        `the stack on ${own.target} was unmounted by somebody else; \`nanolin profile switch --restore\` mounts it again`,
      );
  for (const { target, generation: mountedOne } of standing)
    if (mountedOne > generation.number)
      recovery.push(
        `the stack on ${target} is of generation ${mountedOne}, whose record is lost; switch to a profile to go on from here`,
      );
  if (!intent && record.mounts.length === 0 && generation.layers.length > 0)
    recovery.push(
      `generation ${generation.number} is not mounted since the last boot; \`nanolin profile switch --restore\` mounts it`,
    );
  for (const { target } of deadStacks(record.mounts, mounts))
    recovery.push(
      `the process that served the stack on ${target} has ended; \`nanolin profile switch --restore\` mounts it again`,
    );
  const [first] = standing;
  const backend = first === undefined ? null : backendOf(first);
  const { holders, namespaces } = await pinsOf(record.retired, standing);
  return { generation, backend, mounted, holders, namespaces, recovery };
}

const remedies = {
  forget: 'drops it: the old stack stands',
  undo: 'undoes it: the old stack stands',
  finish: 'finishes it: the new stack stands',
  apply: 'switches to it again',
} as const;
