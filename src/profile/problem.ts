import { type ErrorCode, NanolinError } from '../error/index.ts';

/** What is wrong with a profile as it stands, in NanolinError's words. */
export interface Problem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint: string | null;
  /** It cannot be switched to at all. What is not fatal is left out of the stack (`layer-missing`) or only said. */
  readonly fatal: boolean;
}

export function problem(code: ErrorCode, message: string, hint: string | null, fatal: boolean): Problem {
  return { code, message, hint, fatal };
}

/** Throws the first fatal problem, if there is one. */
export function refuseFatal(problems: readonly Problem[]): void {
  const fatal = problems.find(each => each.fatal);
  if (fatal) throw new NanolinError(fatal.code, fatal.message, fatal.hint ?? undefined);
}
