export interface PathOwner {
  readonly layer: string;
  readonly version: string;
}

/** What one layer or package brings: paths as a manifest has them (byte strings, relative, '' for the root), in any order. */
export interface PathSource {
  readonly owner: PathOwner;
  readonly paths: Iterable<string> | AsyncIterable<string>;
}

/** Who brings which path, over one set of manifests. Reads throw `state-corrupt` rather than give a wrong answer. */
export interface PathIndex extends Disposable {
  /** Of the set of manifests, as it was given to the build. */
  readonly digest: string;
  /** In the order of the sources. */
  lookup(path: string): PathOwner[];
  /** What lies below a directory, itself not; sorted by bytes. */
  below(directory: string): Iterable<{ readonly path: string; readonly owners: readonly PathOwner[] }>;
  close(): void;
}
