import type { Kind } from './recipe-keywords.ts';
import type { Warning } from './recipe-report.ts';

/** A recipe, package, distro or profile, in the order of its file. Printing it gives the bytes it was parsed from. */
export interface Recipe {
  /** What the first directive says; null where it is no header. */
  readonly kind: Kind | null;
  readonly file: string;
  readonly directives: readonly Directive[];
  readonly warnings: readonly Warning[];
  /** Comments and empty lines after the last directive. */
  readonly trailer: string;
  /** False where the last line came without its newline. */
  readonly finalNewline: boolean;
}

export interface Directive {
  /** As written. */
  readonly keyword: string;
  /** Aliases resolved: BUILDER is COMPILE. */
  readonly canonical: string;
  /** The rest of the line without the white space around it; '' where there is none. */
  readonly value: string;
  /** The body's lines without their TAB, each with its newline; null without a body. */
  readonly body: string | null;
  readonly line: number;
  /** Of the value; lines and columns count from 1, columns in UTF-16 units. */
  readonly column: number;
  readonly layout: Layout;
}

/** What a print needs beside the meaning. A directive made by hand takes `{ before: '', gap: ' ', after: '', tabbed: [] }`. */
export interface Layout {
  /** Comments and empty lines before the directive. */
  readonly before: string;
  /** White space between keyword and value. */
  readonly gap: string;
  /** White space after the value. */
  readonly after: string;
  /** Indexes of the body's empty lines that were written with their TAB. */
  readonly tabbed: readonly number[];
}
