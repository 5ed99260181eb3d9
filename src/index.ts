export { NanolinError } from './error/index.ts';
export { openNanolin } from './open.ts';
export type {
  FoundPackage,
  ImportedPackage,
  InstalledPackage,
  InstallOptions,
  Made,
  MakeOptions,
  PackageChange,
  PackageImportOptions,
  PackageReport,
  RemoveOptions,
} from './package/index.ts';
export type {
  ConflictReport,
  LayerVerdict,
  LocalPath,
  Origin,
  PathConflict,
  PathOwner,
  ProfileReport,
  ProfileSummary,
  VerifyReport,
} from './profile/types.ts';
export type { KeyOffer, KeyReport } from './trust/types.ts';

import type { Layer } from './layer/types.ts';
import type {
  FoundPackage,
  ImportedPackage,
  InstalledPackage,
  InstallOptions,
  Made,
  MakeOptions,
  PackageChange,
  PackageImportOptions,
  PackageReport,
  RemoveOptions,
} from './package/index.ts';
import type {
  ConflictReport,
  Origin,
  PathOwner,
  ProfileReport,
  ProfileSummary,
  VerifyReport,
} from './profile/types.ts';
import type { Generation, Held, Holder, LeftOut, OldView, SwitchResult, Writers } from './stack/types.ts';
import type { Forced, Log, Progress } from './state/context.ts';
import type { KeyOffer, KeyReport } from './trust/types.ts';

export interface OpenOptions {
  /** etc/nanolin, var/lib/nanolin and run/nanolin are below it. Default `/`. */
  root?: string;
  /** Directory of NAME.rcp instead of ROOT/etc/nanolin/profiles. */
  profiles?: string;
  /** `auto`: what is mounted stays with who has mounted it. */
  backend?: 'auto' | 'kernel' | 'fuse';
  /** The command that runs nanolin, for the processes that serve what is mounted. Default: that of this checkout. */
  program?: readonly string[];
  log?: Log;
  signal?: AbortSignal;
  progress?: (report: Progress) => void;
  forced?: readonly Forced[];
  now?: () => Date;
  /** Named step boundaries, for fault injection. */
  at?: (point: string) => void;
}

export interface SwitchOptions {
  /** Refuse instead of leaving a bad layer out. */
  strict?: boolean;
  writers?: Writers;
  reason?: string;
}

export interface EditOptions extends SwitchOptions {
  /** Name of the layer above or below which the new ones go; topmost without either. */
  above?: string;
  below?: string;
}

/** What a switch would do: nothing is mounted to find out. */
export interface Plan {
  readonly steps: readonly { readonly do: string; readonly [detail: string]: unknown }[];
  readonly paths: {
    readonly appear: readonly string[];
    readonly vanish: readonly string[];
    readonly change: readonly string[];
    /** What a layer brings and something above hides, a local change in the upper for example. */
    readonly masked: readonly string[];
    /** The same for every program, but from another layer. */
    readonly owner: readonly { readonly path: string; readonly from: Origin; readonly to: Origin }[];
    /** Who hides what: the paths of `masked` again, once for each layer that brings one. */
    readonly masks: readonly { readonly path: string; readonly layer: Origin; readonly by: Origin }[];
  };
  /** Processes that keep what they have of the stacks that go, until they end. */
  readonly processes: readonly {
    readonly pid: number;
    readonly command: string;
    readonly why: string;
    readonly generation: number;
    readonly unit: string | null;
    readonly holds: readonly Held[];
  }[];
  /** Mount namespaces that will keep the old view. */
  readonly namespaces: readonly OldView[];
  readonly leftOut: readonly LeftOut[];
}

export interface Status {
  readonly profile: string | null;
  readonly generation: number | null;
  readonly health: 'ok' | 'degraded';
  readonly backend: 'kernel' | 'fuse';
  readonly targets: readonly {
    readonly path: string;
    readonly writing: string;
    readonly mounted: boolean;
    /** Topmost first. */
    readonly layers: readonly { name: string; version: string; stamp: string; image: string }[];
  }[];
  readonly leftOut: readonly LeftOut[];
  readonly holders: readonly Holder[];
  /** Mount namespaces that keep an older view. */
  readonly namespaces: readonly OldView[];
  /** What does not agree between mounts and state, in sentences, with what the next writing command will do about it. */
  readonly recovery: readonly string[];
}

export interface ImportOptions {
  name?: string;
  version?: string;
  format?: 'erofs' | 'squashfs';
  /** Consent to an image that nobody signed. */
  unsigned?: boolean;
}

export interface DoctorCheck {
  readonly what: string;
  readonly ok: boolean;
  /** Which way is taken, e.g. `file-backed (no loop device)`. */
  readonly way: string;
  /** Null when there is nothing to do. */
  readonly remedy: string | null;
}

export interface Nanolin {
  status(): Promise<Status>;
  enable(layers: readonly string[], options?: EditOptions): Promise<SwitchResult>;
  disable(layers: readonly string[], options?: SwitchOptions): Promise<SwitchResult>;
  swap(old: string, replacement: string, options?: SwitchOptions): Promise<SwitchResult>;
  plan(
    request:
      | { do: 'enable' | 'disable'; layers: readonly string[]; above?: string; below?: string }
      | { do: 'swap'; old: string; replacement: string }
      | { do: 'profile'; name: string },
  ): Promise<Plan>;
  history(): Promise<readonly Generation[]>;
  rollback(generation?: number, options?: SwitchOptions): Promise<SwitchResult>;
  layer: {
    /** One source may bring several layers: `deb:NAME` brings the dependencies that the base lacks. The asked-for one is last. */
    import(source: string, options?: ImportOptions): Promise<readonly Layer[]>;
    list(): Promise<readonly Layer[]>;
    show(query: string): Promise<Layer>;
    files(query: string): Promise<readonly string[]>;
    verify(
      queries: readonly string[],
    ): Promise<readonly { layer: Layer; ok: boolean; message: string | null }[]>;
    remove(query: string): Promise<Layer>;
  };
  profile: {
    list(): Promise<readonly ProfileSummary[]>;
    show(name: string): Promise<ProfileReport>;
    /** Writes a commented skeleton, returns its path; refuses to overwrite. */
    create(
      name: string,
      options?: { targets?: readonly string[]; enables?: readonly string[]; imports?: readonly string[] },
    ): Promise<string>;
    check(name: string): Promise<ProfileReport>;
    diff(
      a: string,
      b: string,
    ): Promise<{
      added: readonly string[];
      removed: readonly string[];
      moved: readonly string[];
      targets: { added: readonly string[]; removed: readonly string[] };
    }>;
    switch(name: string, options?: SwitchOptions): Promise<SwitchResult>;
    /** Brings the last committed generation back after a reboot. */
    restore(options?: SwitchOptions): Promise<SwitchResult>;
  };
  key: {
    /** Makes NAME.sec and NAME.pub in etc/nanolin/keys; the key is trusted from then on. With null anybody who reads it can sign. */
    create(name: string, options: { password: string | null }): Promise<KeyReport>;
    list(): Promise<readonly KeyReport[]>;
    show(name: string): Promise<KeyReport>;
    /** What a .pub file holds, to compare its fingerprint before `trust`. */
    inspect(file: string): Promise<KeyOffer>;
    /** The fingerprint is the consent: 64 hex digits in any grouping. A file that holds another key by now is refused. */
    trust(file: string, options: { fingerprint: string }): Promise<KeyReport>;
  };
  package: {
    /**
     * Installs by name, `name>=1.2` or the path of an image, with what is needed, from the store and `from`, onto the running stack (where
     * none is on, onto that of the profile `system`), in one generation.
     */
    install(words: readonly string[], options?: InstallOptions): Promise<PackageChange>;
    /** Takes packages off the stack; their images stay in the store. */
    remove(names: readonly string[], options?: RemoveOptions): Promise<PackageChange>;
    list(): Promise<readonly InstalledPackage[]>;
    /** Absolute paths of what an installed package holds. */
    files(name: string): Promise<readonly string[]>;
    search(text: string, options?: { from?: readonly string[] }): Promise<readonly FoundPackage[]>;
    /** Builds from recipes, by name or path, and before them the recipes beside that they need; needs come first. */
    make(recipes: readonly string[], options?: MakeOptions): Promise<readonly Made[]>;
    /** Recipe and image from a .deb, `deb:NAME`, a tar archive, a directory or an OCI layout; its scripts are not run. */
    import(source: string, options?: PackageImportOptions): Promise<ImportedPackage>;
    /** What a recipe says, by path, by name, or of a layer. */
    show(recipe: string): Promise<PackageReport>;
    /** Writes the skeleton of a recipe, returns its path; refuses to overwrite. */
    create(name: string): Promise<string>;
    /** Brings a recipe into the one form; true when it was not in it. With `check` nothing is written. */
    format(recipe: string, options?: { check?: boolean }): Promise<boolean>;
    /** Signs STEM.img and STEM.lst, by the path of one of a package's files or by the name of a layer; returns the signatures. */
    sign(
      packages: readonly string[],
      options: { key: string; password: () => Promise<string> },
    ): Promise<readonly string[]>;
  };
  /** Who owns each path of the live stacks, by path or pattern; one that nobody has is answered as not visible. */
  owner(
    paths: readonly (string | Uint8Array)[],
    options?: { recursive?: boolean; all?: boolean },
  ): Promise<readonly PathOwner[]>;
  /** Paths that two layers bring, in the running stack or in a profile's. */
  conflicts(profile?: string): Promise<ConflictReport>;
  /** What programs changed in writable stacks, of these layers' paths or of all; `deep` reads the layers too. */
  verify(layers?: readonly string[], options?: { deep?: boolean }): Promise<VerifyReport>;
  doctor(): Promise<{ kernel: string; ok: boolean; checks: readonly DoctorCheck[] }>;
  close(): Promise<void>;
}
