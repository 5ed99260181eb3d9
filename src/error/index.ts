/**
 * One error class with a closed set of codes. `message` says what failed, on which thing, lower case, no full stop;
 * `hint` says on the next line what to do about it. `exit` is the documented exit code of the command line.
 */
const exits = {
  usage: 2,
  'recipe-syntax': 1,
  'recipe-invalid': 1,
  'source-unreadable': 1,
  io: 1,
  'no-space': 1,
  'command-failed': 1,
  cancelled: 1,
  'state-corrupt': 1,
  'mount-failed': 1,
  'script-failed': 1,
  refused: 3,
  unsigned: 3,
  'signature-invalid': 3,
  'key-invalid': 3,
  'image-invalid': 3,
  'image-changed': 3,
  'image-hostile': 3,
  'layer-in-use': 3,
  'layer-exists': 3,
  'target-invalid': 3,
  'profile-invalid': 3,
  conflict: 3,
  'writers-active': 3,
  'state-future': 3,
  'foreign-mount': 3,
  'layer-missing': 4,
  'profile-missing': 4,
  'target-missing': 4,
  'generation-missing': 4,
  'source-missing': 4,
  'key-missing': 4,
  busy: 5,
  'needs-rights': 8,
  'needs-kernel': 8,
  'needs-program': 8,
  bug: 70,
} as const;

export type ErrorCode = keyof typeof exits;

export class NanolinError extends Error {
  override readonly name = 'NanolinError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;

  constructor(code: ErrorCode, message: string, hint?: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.hint = hint;
  }

  /** Exit code of the command line: 1 failed, 2 usage, 3 refused, 4 not found, 5 busy, 8 rights or kernel, 70 bug. */
  get exit(): number {
    return exits[this.code];
  }

  /** The stable shape of `--json`. */
  toJSON(): { error: { code: string; message: string; hint: string | null } } {
    return { error: { code: this.code, message: this.message, hint: this.hint ?? null } };
  }
}

/** Any thrown value as a NanolinError; what is not one of ours and not a plain errno is a bug. */
export function asNanolinError(thrown: unknown): NanolinError {
  if (thrown instanceof NanolinError) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  const errno = (thrown as { code?: unknown } | null)?.code;
  if (errno === 'ENOSPC' || errno === 'EDQUOT')
    return new NanolinError('no-space', message, 'free some space and run the command again', {
      cause: thrown,
    });
  if (errno === 'EPERM' || errno === 'EACCES')
    return new NanolinError('needs-rights', message, 'run as root, or see `nanolin doctor`', {
      cause: thrown,
    });
  if (typeof errno === 'string' && /^E[A-Z0-9]+$/.test(errno))
    return new NanolinError('io', message, undefined, { cause: thrown });
  return new NanolinError('bug', message, 'this is a bug in nanolin: please report it with the stack', {
    cause: thrown,
  });
}
