/** A profile in a list. */
export interface ProfileSummary {
  readonly name: string;
  readonly comment: string;
  readonly file: string;
  readonly active: boolean;
  /** Null when the recipe is sound. */
  readonly error: string | null;
}

/** What a profile means on this machine. */
export interface ProfileReport {
  readonly name: string;
  readonly comment: string;
  readonly imports: readonly string[];
  readonly targets: readonly { path: string; base: string; from: string }[];
  /** Topmost first; `image` null where no layer in the store fits. */
  readonly layers: readonly { query: string; name: string; version: string | null; image: string | null }[];
  readonly writing: string;
  readonly healthy: { timeoutMs: number; body: string } | null;
  readonly scripts: Readonly<Record<string, string>>;
  /** Empty when it can be switched to as it stands. */
  readonly problems: readonly { code: string; message: string; hint: string | null }[];
  /** From a check alone: paths that two of the layers bring. */
  readonly conflicts?: ConflictReport;
}

/** Where a path comes from: a layer with its version, or `upper`, or `base`, both with version null. */
export interface Origin {
  readonly layer: string;
  readonly version: string | null;
}

interface LayerName {
  readonly layer: string;
  readonly version: string;
}

/** Who owns a path. */
export interface PathOwner {
  /** Absolute and real: symlinks on the way are resolved, the last name is taken for itself. */
  readonly path: string;
  /** Null for a path outside of all targets that have a stack. */
  readonly target: string | null;
  /** The layer that the path comes from when local changes are left out; null for the base and for nobody. */
  readonly owner: LayerName | null;
  /** Is it the base's own, no layer having a say? */
  readonly base: boolean;
  /** Did a program of this machine add, change or remove it? */
  readonly local: boolean;
  /** Is it there? */
  readonly visible: boolean;
  /** Layers whose directory merges into the owner's. */
  readonly shared: readonly LayerName[];
  /** Layers that bring it and are hidden. */
  readonly shadowed: readonly LayerName[];
  /** Layers of the store that would bring it and are not on. */
  readonly off: readonly LayerName[];
  /** All that hold the name, topmost first; `hides` is a whiteout, `by` is what a shadowed one lies under. */
  readonly chain: readonly (Origin & {
    readonly role: 'wins' | 'merges' | 'hides' | 'shadowed';
    readonly kind: 'file' | 'dir' | 'link' | 'whiteout' | 'other';
    readonly by: Origin | null;
  })[];
  /** Where a symlink ends inside of the stacks; null for what is none, and for one that leads out. */
  readonly leadsTo: string | null;
  /** With `all`: every layer of the store that ships the path, whether it is on or not and wherever it would show. */
  readonly shipped?: readonly LayerName[];
}

/** One path that two layers bring. */
export interface PathConflict {
  readonly path: string;
  readonly kind: 'type' | 'content' | 'attributes' | 'identical';
  readonly above: LayerName;
  readonly under: LayerName;
  /** Somebody chose which of them shows: one recipe names both layers in its ENABLES, or the upper one's says REPLACE. */
  readonly ordered: boolean;
  /** `error`: another type or other content, and nobody chose. `note`: chosen, or attributes alone. */
  readonly severity: 'error' | 'note' | 'fine';
}

export interface ConflictReport {
  readonly profile: string | null;
  /** Paths that are the same in two layers, directories left out: harmless, so they are counted only. */
  readonly identical: number;
  /** The errors first, then by path. */
  readonly conflicts: readonly PathConflict[];
}

/** What a program of this machine did to a path of a writable stack. */
export interface LocalPath {
  readonly target: string;
  readonly path: string;
  readonly kind: 'added' | 'changed' | 'attributes' | 'deleted' | 'masks';
  /** Whose path it was; null where there was none. */
  readonly of: Origin | null;
}

/** A layer compared with its manifest. */
export interface LayerVerdict extends LayerName {
  readonly image: string;
  readonly ok: boolean;
  /** Why it could not be compared; null when it was. */
  readonly message: string | null;
  readonly differences: readonly {
    readonly path: string;
    /** `missing` from the image, `extra` in it, or of another type, content or attributes. */
    readonly kind: 'missing' | 'extra' | 'type' | 'content' | 'attributes';
  }[];
}

export interface VerifyReport {
  readonly local: readonly LocalPath[];
  /** Empty without `deep`. */
  readonly layers: readonly LayerVerdict[];
}
