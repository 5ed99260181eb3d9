import { totalmem } from 'node:os';

/** What one build may take. */
export interface BuildLimits {
  /** Milliseconds that one stage may run. */
  readonly stageMs: number;
  /** Bytes that sources, objects and the package may have together; they lie in memory. */
  readonly disk: number;
  /** Processes and threads at one time. */
  readonly processes: number;
  /** Bytes of data that one process may have (RLIMIT_DATA). */
  readonly memory: number;
}

export const usualLimits: BuildLimits = {
  stageMs: 3_600_000,
  disk: Math.floor(totalmem() / 2),
  processes: 2048,
  memory: Math.floor(totalmem() / 2),
};
