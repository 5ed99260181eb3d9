/** One line of `nanolin doctor`. */
export interface Probe {
  readonly what: string;
  /** It works, be it by a fall-back; or nothing depends on it. */
  readonly ok: boolean;
  /** Which way is taken, or why there is none. */
  readonly way: string;
  /** What to do about it, also where a fall-back works; null when there is nothing to do. */
  readonly remedy: string | null;
}
