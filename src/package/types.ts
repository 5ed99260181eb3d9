import type { BuildLimits } from './build-limits.ts';

export interface MakeOptions {
  /** Directory for STEM.rcp, STEM.img, STEM.lst and with a key STEM.sig. */
  readonly out?: string | undefined;
  /** Name of the key to sign with, and who knows its pass-phrase. */
  readonly key?: string | undefined;
  readonly password?: (() => Promise<string>) | undefined;
  readonly format?: 'erofs' | 'squashfs' | undefined;
  /** Build twice and compare. */
  readonly check?: boolean | undefined;
  /** Leave the build folder in var/lib/nanolin/builds/NAME. */
  readonly keep?: boolean | undefined;
  /** Open a shell where a stage failed; when it ends with 0 the stage is run again. */
  readonly shell?: boolean | undefined;
  readonly allowUnpinned?: boolean | undefined;
  readonly allowFiles?: boolean | undefined;
  readonly limits?: Partial<BuildLimits> | undefined;
}

/** A package that was built. */
export interface Made {
  readonly name: string;
  readonly version: string;
  readonly stamp: string;
  /** Base name of the image in the store. */
  readonly image: string;
  readonly format: 'erofs' | 'squashfs';
  /** Bytes. */
  readonly size: number;
  readonly digest: string;
  readonly files: number;
  /** Path of the recipe. */
  readonly recipe: string;
  /** False for a dependency that the store had from the very same inputs. */
  readonly built: boolean;
  /** True when a second build gave the same bytes; null when there was none. */
  readonly reproducible: boolean | null;
  /** Paths that were written to --out. */
  readonly out: readonly string[];
  readonly log: string;
  /** What the admin may want to know, in sentences. */
  readonly notes: readonly string[];
  /** Sources that came without a hash: what to write behind them. */
  readonly pins: readonly { readonly url: string; readonly sha256: string }[];
}

export interface PackageImportOptions {
  readonly name?: string | undefined;
  readonly version?: string | undefined;
  readonly format?: 'erofs' | 'squashfs' | undefined;
  readonly out?: string | undefined;
  /** Rules of `judgePackage` that are accepted for this package. */
  readonly permits?: readonly string[] | undefined;
}

/** A package that was made of another format. */
export interface ImportedPackage {
  readonly name: string;
  readonly version: string;
  readonly stamp: string;
  readonly image: string;
  readonly size: number;
  readonly digest: string;
  readonly files: number;
  /** The recipe that says what it needs. */
  readonly recipe: string;
  /** Maintainer scripts that it had; none was run. */
  readonly scripts: readonly string[];
  readonly conffiles: readonly string[];
  readonly licenses: readonly { readonly path: string; readonly license: string }[];
  readonly out: readonly string[];
  readonly notes: readonly string[];
}
