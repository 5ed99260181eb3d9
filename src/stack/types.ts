/** What a generation remembers of a layer: enough to find it again and to notice that it is not the same. */
export interface LayerRef {
  readonly name: string;
  readonly version: string;
  readonly stamp: string;
  /** SHA-256 of the image, 64 lower-case hex digits. */
  readonly digest: string;
  /** Base name of the image in the layer store. */
  readonly image: string;
}

export type Writing = 'none' | 'volatile' | 'persist';
export type Writers = 'report' | 'wait' | 'refuse';

export interface Target {
  /** Absolute, normalised, no symlinks. */
  readonly path: string;
  /** `keep`: what the directory holds is the lowest lower. */
  readonly base: 'keep' | 'none';
  /** Subtree of each image that is stacked here, relative, '' for the whole image. */
  readonly from: string;
}

/** The wanted state: the same ordered layers on one or more targets. */
export interface Stack {
  /** Topmost first. */
  readonly layers: readonly LayerRef[];
  readonly targets: readonly Target[];
  readonly writing: Writing;
}

/** A stack that was committed, or is about to be. Number 0 is the bare base. */
export interface Generation extends Stack {
  readonly number: number;
  /** ISO 8601, UTC. */
  readonly time: string;
  readonly reason: string;
  readonly previous: number;
  /** The profile the stack came from; null for the bare base. */
  readonly profile: string | null;
  readonly leftOut: readonly LeftOut[];
}

export interface LeftOut {
  /** As the profile names it. */
  readonly layer: string;
  readonly code: string;
  readonly message: string;
}

/** One thing that a process has of a stack. */
export interface Held {
  readonly what: 'exe' | 'map' | 'fd' | 'cwd' | 'root';
  /** As its namespace names it; below the target where the stack is in no namespace any more. */
  readonly path: string;
  /** fd, map: is it open for writing? */
  readonly writing: boolean;
}

/** A process that still has something of an older generation. */
export interface Holder {
  readonly pid: number;
  readonly command: string;
  readonly generation: number;
  readonly paths: readonly string[];
  readonly holds: readonly Held[];
  /** systemd's service unit; null where it belongs to none. */
  readonly unit: string | null;
}

/** Another mount namespace in which an old stack stays in sight after a switch. */
export interface OldView {
  /** Inode number, as `lsns` shows it. */
  readonly namespace: number;
  /** One of its processes. */
  readonly pid: number;
  readonly command: string;
  readonly target: string;
  readonly generation: number;
  /** Mount points inside the old stack there, which hold it; empty for a mount that no unmount of ours reaches. */
  readonly nested: readonly string[];
}

export interface SwitchResult {
  readonly profile: string | null;
  readonly generation: number;
  readonly previous: number;
  readonly changed: boolean;
  /** True when a look-up may have failed while the stack was replaced: the kernel could not mount beneath. */
  readonly gap: boolean;
  /** Milliseconds. `swap` is the tight loop, from its first system call to its last. */
  readonly ms: {
    readonly plan: number;
    readonly prepare: number;
    readonly swap: number;
    readonly total: number;
  };
  readonly paths: { readonly added: number; readonly removed: number; readonly changed: number };
  readonly leftOut: readonly LeftOut[];
  readonly holders: readonly Holder[];
  /** Mount namespaces that keep an older view. */
  readonly namespaces: readonly OldView[];
  /** Processes that had files open for writing through the old stack. */
  readonly writers: readonly Holder[];
  readonly rolledBack: { readonly from: number; readonly code: string; readonly message: string } | null;
  /** The ways that were taken where there is a choice, e.g. `attach: file-backed`, `place: beneath`. */
  readonly ways: Readonly<Record<string, string>>;
}
