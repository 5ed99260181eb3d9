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
}
