import { NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';

// Debian's package for a program that may be missing.
const packages: Record<string, string> = {
  bsdtar: 'libarchive-tools',
  'mkfs.erofs': 'erofs-utils',
  mksquashfs: 'squashfs-tools',
  'dpkg-deb': 'dpkg',
  'fsck.erofs': 'erofs-utils',
  unsquashfs: 'squashfs-tools',
  fusermount: 'fuse3',
  'apt-get': 'apt',
  'apt-cache': 'apt',
};

/** One language and one character set for what is parsed; no option that an admin keeps in the environment changes a result. */
export const plainEnvironment = {
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  SOURCE_DATE_EPOCH: undefined,
  TAR_OPTIONS: undefined,
  TAR_READER_OPTIONS: undefined,
  TAR_WRITER_OPTIONS: undefined,
  DEBIAN_FRONTEND: 'noninteractive',
} as const;

interface Options {
  readonly cwd?: string;
  readonly input?: string;
  /** A descriptor that is its standard input. */
  readonly stdin?: number;
  /** Milliseconds until it is ended. */
  readonly timeout?: number;
  /** Longest output that is taken, in characters. */
  readonly maxBuffer?: number;
}

/** Runs a program to its end and returns what it printed. Throws command-failed, needs-program, no-space or cancelled. */
export async function run(
  ctx: Context,
  program: string,
  args: readonly string[],
  options: Options = {},
): Promise<string> {
  const { execa } = await import('execa');
  const result = await execa(program, args, {
    ...options,
    // Any descriptor will do; execa's types know of the first ten.
    stdin: (options.stdin as 0 | undefined) ?? (options.input === undefined ? 'ignore' : 'pipe'),
    env: { ...plainEnvironment },
    cancelSignal: ctx.signal,
    reject: false,
    maxBuffer: options.maxBuffer ?? 64 * 2 ** 20,
  });
  if (result.failed) throw failure(ctx, program, result);
  return result.stdout;
}

interface Ended {
  readonly code?: string | undefined;
  readonly exitCode?: number | undefined;
  readonly signal?: string | undefined;
  readonly stderr?: unknown;
}

/** Why a program failed, from what execa knows about it. */
export function failure(ctx: Context, program: string, result: Ended): NanolinError {
  const words = lastLines(String(result.stderr ?? ''));
  if (ctx.signal.aborted) return new NanolinError('cancelled', `${program} was stopped`);
  if (result.code === 'ENOENT')
    return new NanolinError(
      'needs-program',
      `${program} is not installed`,
      `apt-get install ${packages[program] ?? program}`,
    );
  if (result.code === 'ENOSPC' || /No space left on device|Disk quota exceeded|\[Error 28\]/.test(words))
    return new NanolinError(
      'no-space',
      `${program}: no space left on device`,
      'free some space and run the command again',
    );
  const how = result.signal
    ? `was ended by ${result.signal}`
    : `failed${result.exitCode === undefined ? '' : ` with ${result.exitCode}`}`;
  return new NanolinError('command-failed', `${program} ${how}${words ? `: ${words}` : ''}`);
}

/** What a program said last, fit for one line of a terminal: a hostile name must not reach it as an escape sequence. */
function lastLines(text: string): string {
  return text
    .trim()
    .split('\n')
    .slice(-4)
    .join('; ')
    .replace(/\p{Cc}/gu, '?')
    .slice(-600);
}
