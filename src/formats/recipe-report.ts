import { NanolinError } from '../error/index.ts';

export interface Warning {
  readonly line: number;
  readonly column: number;
  /** `file:line:column: DIRECTIVE: what`, as an error would say it. */
  readonly message: string;
}

const maxWarnings = 100;

/** Makes the errors of one recipe, and keeps the doubts that are errors only in a strict one. */
export class RecipeReport {
  readonly file: string;
  readonly strict: boolean;
  readonly warnings: Warning[] = [];

  constructor(file: string, strict: boolean) {
    this.file = file;
    this.strict = strict;
  }

  error(line: number, column: number, directive: string | null, what: string, hint?: string): NanolinError {
    return syntaxError(this.file, line, column, directive, what, hint);
  }

  doubt(line: number, column: number, directive: string | null, what: string, hint?: string): void {
    const error = this.error(line, column, directive, what, hint);
    if (this.strict) throw error;
    // A hostile recipe has room for a million unknown keywords; nobody reads more than the first of them.
    if (this.warnings.length < maxWarnings) this.warnings.push({ line, column, message: error.message });
  }
}

export function syntaxError(
  file: string,
  line: number,
  column: number,
  directive: string | null,
  what: string,
  hint?: string,
): NanolinError {
  const subject = directive === null ? '' : `${directive}: `;
  return new NanolinError('recipe-syntax', `${file}:${line}:${column}: ${subject}${what}`, hint);
}
