import type { Context } from '../state/index.ts';
import type { Step } from './plan.ts';
import type { MountRecord, Move } from './record.ts';

export type Backend = 'kernel' | 'fuse';

export type StepOf<K extends Step['do']> = Extract<Step, { do: K }>;

export interface Swapped {
  /** Milliseconds from the first visible system call to the last. */
  readonly ms: number;
  /** Could a look-up have failed in between? */
  readonly gap: boolean;
}

/**
 * What a backend does with the steps that mount. Kernel overlayfs and FUSE stand behind the same contract, held by test/contract.
 * One Mounter serves one switch; disposing it drops whatever was prepared and not swapped in.
 */
export interface Mounter extends Disposable {
  readonly backend: Backend;
  /** The ways that were taken where there is a choice. */
  readonly ways: Readonly<Record<string, string>>;
  /** Verifies the image and makes it ready to be a lower; throws when it cannot be used. */
  attach(step: StepOf<'attach'>): Promise<void>;
  /** Gets hold of the bare base of a target, under whatever of ours covers it. */
  base(step: StepOf<'base'>): void;
  /** Makes the next stack of a target ready, seen by nobody. Images that did not attach are left out. */
  assemble(step: StepOf<'assemble'>, generation: number): void | Promise<void>;
  /** Takes what is mounted inside the target over to the next stack. */
  carry(step: StepOf<'carry'>): void;
  /** What swap will do: the intent. A null `next` means that the target goes back to its bare base. */
  moves(step: StepOf<'swap'>): Move[];
  /** The one commit point. */
  swap(step: StepOf<'swap'>, moves: readonly Move[]): Promise<Swapped>;
  /** Makes a replaced writable stack read-only; false while files are open for writing through it. */
  seal(step: StepOf<'seal'>): boolean;
}

/** What of ours covers a target, topmost. */
export type Covering = (target: string) => MountRecord | null;

export type MounterFactory = (ctx: Context, backend: Backend, covering: Covering) => Mounter;
