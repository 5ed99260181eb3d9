import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import type { MountIdentity } from '../kernel/index.ts';
import { type Context, type Document, document } from '../state/index.ts';
import type { Generation } from './types.ts';

/** One mount of ours: only a mount that matches id, type and source is ours to take off (KERNEL: mount ids are reused, the source's token is not). */
export interface MountRecord {
  readonly target: string;
  /** Its id is 0 for one that is known only once it is mounted. */
  readonly identity: MountIdentity;
  readonly type: string;
  /** mountinfo's source; for an overlay `nanolin-GENERATION-TOKEN`. */
  readonly source: string;
  /** What is stacked, as one string: a wanted stack with the same key needs no new mount. */
  readonly key: string;
  readonly generation: number;
  /** Upper directory of a writable stack. */
  readonly upper: string | null;
  /** Of a union in user space; what the kernel serves has none. */
  readonly server?: ServerRecord;
}

/** The process behind a union in user space. */
export interface ServerRecord {
  readonly pid: number;
  /** Clock ticks after boot (proc_pid_stat(5), field 22): with the pid, one process for good. */
  readonly start: number;
  /** Where it is told what to show. */
  readonly socket: string;
  /** Its work directory, which stays when the generation does not. */
  readonly work: string | null;
  readonly nosuid: boolean;
  /** Its descriptor of what the mount covers, for who cannot look under it; null for who can. */
  readonly base: number | null;
}

/** What the swap is about to do to one target: enough to finish or undo it after a crash. */
export interface Move {
  readonly target: string;
  readonly old: MountRecord | null;
  readonly next: MountRecord | null;
  /** The old stack's clone that an undo is about to put in its place. */
  readonly clone?: MountRecord;
  /** `next` is the same mount: the union itself shows other layers. */
  readonly inside?: true;
}

export interface Intent {
  readonly to: Generation;
  readonly moves: readonly Move[];
  /** Mounts of targets that the switch leaves alone. */
  readonly kept: readonly MountRecord[];
}

/** An older generation's mount that processes may still hold, or a copy of it in another namespace; all have one source. */
export interface Retired {
  readonly generation: number;
  readonly identity: MountIdentity;
  readonly source: string;
  readonly target: string;
  /** st_ino of what belongs to this generation alone, where the mount shows another one by now; absent for the whole mount. */
  readonly inodes?: readonly string[];
}

/** run/nanolin/mounts.json: what is mounted, of this boot and mount namespace alone. */
export interface RunRecord {
  readonly boot: string;
  /** Inode number of the mount namespace the mounts are in. */
  readonly namespace: number;
  readonly mounts: readonly MountRecord[];
  readonly intent: Intent | null;
  readonly retired: readonly Retired[];
}

/**
 * Not fsynced: mounts do not outlive the machine either, and a killed process leaves the page cache whole.
 * A record of another boot reads as empty.
 */
export function runRecord(ctx: Context): Document<RunRecord> {
  const here = { boot: bootId(), namespace: mountNamespace() };
  const empty: RunRecord = { ...here, mounts: [], intent: null, retired: [] };
  const stored = document<RunRecord>(join(ctx.paths.run, 'mounts.json'), {
    schema: 1,
    empty,
    durable: false,
  });
  return {
    ...stored,
    read() {
      const record = stored.read();
      return record.boot === here.boot ? record : empty;
    },
  };
}

function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
}

/** Inode number of a process's mount namespace: equal numbers are one namespace. */
export function mountNamespace(pid: number | 'self' = 'self'): number {
  return statSync(`/proc/${pid}/ns/mnt`).ino;
}

/** Our mounts as recorded in this mount namespace. Throws foreign-mount when they are in another one that is alive. */
export function ownRecord(ctx: Context): RunRecord {
  const record = runRecord(ctx).read();
  const namespace = mountNamespace();
  if (record.namespace === namespace) return record;
  const pid = record.mounts.length > 0 ? namespaceMember(record.namespace) : null;
  if (pid !== null)
    throw new NanolinError(
      'foreign-mount',
      `the stack is mounted in another mount namespace, that of process ${pid}`,
      `run the command there: nsenter -t ${pid} -m nanolin ...`,
    );
  return { ...record, namespace, mounts: [], intent: null, retired: [] };
}

function namespaceMember(namespace: number): number | null {
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      if (mountNamespace(pid) === namespace) return pid;
    } catch {
      // It ended meanwhile.
    }
  }
  return null;
}
