import { type ErrorCode, NanolinError } from '../error/index.ts';
import type { SysError } from './native.ts';

export function isSysError(error: unknown): error is SysError {
  return error instanceof Error && typeof (error as Partial<SysError>).call === 'string';
}

/** Did the kernel say one of these? */
export function saidAny(error: unknown, ...codes: string[]): boolean {
  return isSysError(error) && codes.includes(error.code);
}

/** What the kernel refused, in our words and its own. Rights and missing file systems have codes of their own. */
export function refusal(error: unknown, code: ErrorCode, what: string, hint?: string): unknown {
  if (!isSysError(error)) return error;
  const said = `${error.call} said ${error.code}${error.kernel === undefined ? '' : `: ${error.kernel}`}`;
  if (error.code === 'EPERM')
    return new NanolinError('needs-rights', `${what}: ${said}`, 'run as root with CAP_SYS_ADMIN', {
      cause: error,
    });
  if (error.code === 'ENODEV' || error.code === 'ENOSYS')
    return new NanolinError('needs-kernel', `${what}: ${said}`, 'see `nanolin doctor`', { cause: error });
  if (error.code === 'EMFILE') hint = 'raise the limit of open files: a stack needs two for each layer';
  return new NanolinError(code, `${what}: ${said}`, hint, { cause: error });
}
