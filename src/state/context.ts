import type { Paths } from './paths.ts';

/** pino's shape, as far as it is used; logs go to stderr, never to stdout. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

export interface Progress {
  /** What is being done, e.g. `hash` or `mkfs.erofs`. */
  readonly task: string;
  /** On which thing, e.g. the layer's name. */
  readonly subject: string;
  /** Bytes or items so far, and the total where it is known; a report without numbers is a new task. */
  readonly done?: number;
  readonly total?: number;
}

/** Ways that are shut on purpose, so that a test (or an admin) takes the fall-back. NANOLIN_FORCE=name,name. */
export type Forced =
  | 'no-file-backed' // attach every image through a loop device
  | 'no-detached-layers' // layers are mounted in a scratch namespace before the overlay takes them (Linux before 6.15)
  | 'no-lowerdir-plus' // one mount(2) option string (Linux before 6.5)
  | 'no-beneath' // detach, then mount: with a gap (Linux before 6.5)
  | 'no-unique-ids' // mount ids as mountinfo has them (Linux before 6.8)
  | 'no-image-mounts' // no image is mounted by the kernel (an ordinary user)
  | 'no-image-fuse'; // nor read by squashfuse or erofsfuse: trees are extracted

/** Time, log, configuration and the abort signal, handed in as values. */
export interface Context {
  readonly paths: Paths;
  readonly log: Log;
  readonly now: () => Date;
  readonly signal: AbortSignal;
  readonly progress: (report: Progress) => void;
  readonly forced: ReadonlySet<Forced>;
  /**
   * Called at every step boundary with the step's name, `switch:intent` for example. A no-op but in crash tests, where
   * NANOLIN_FAULT=name kills the process here (name:ENOSPC throws that error instead).
   */
  readonly at: (point: string) => void;
}
