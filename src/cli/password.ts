import { closeSync, openSync, readSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';
import { type Bench, type Flags, type Request, usage, value } from './command.ts';

/** Where a pass-phrase may come from beside the terminal. Never a word of the command line, which every user can read in ps(1). */
export const passwordFlags: Flags = {
  'password-fd': {
    value: 'N',
    about: 'read the pass-phrase from this descriptor, up to the end of the line',
  },
  'password-file': { value: 'FILE', names: 'file', about: 'read it from the first line of a file' },
};

/** What a command line says wrong about them; nothing when it is sound. */
export function checkPassword({ flags }: Request): string | undefined {
  const given = ['no-password', ...Object.keys(passwordFlags)].filter(flag => flag in flags);
  if (given.length > 1) return `--${given[0]} and --${given[1]} exclude each other`;
  const fd = flags['password-fd'];
  return fd === undefined || /^\d{1,4}$/.test(String(fd)) ? undefined : '--password-fd takes a number';
}

/** The pass-phrase, from where the flags say or from the terminal without echo; `twice` for one that is new. */
export async function readPassword(
  request: Request,
  bench: Bench,
  { of, twice = false }: { of: string; twice?: boolean },
): Promise<string> {
  const fd = value(request, 'password-fd');
  if (fd !== undefined) return firstLine(Number(fd), `descriptor ${fd}`);
  const file = value(request, 'password-file');
  if (file !== undefined) return fromFile(file);
  const said = await bench.hidden(`pass-phrase of ${of}: `);
  if (said === undefined)
    throw usage(
      `there is no terminal to ask for the pass-phrase of ${of}`,
      'give it with --password-fd N or --password-file FILE',
    );
  if (twice && (await bench.hidden('once more: ')) !== said)
    throw new NanolinError('refused', 'the two pass-phrases differ', 'run the command again');
  return said;
}

function fromFile(file: string): string {
  const fd = openSync(file, 'r');
  try {
    return firstLine(fd, file);
  } finally {
    closeSync(fd);
  }
}

/** What a pass-phrase may have is judged where it is used; this only keeps /dev/zero out. */
const longest = 4096;

function firstLine(fd: number, where: string): string {
  const bytes = Buffer.alloc(longest);
  let length = 0;
  for (let got = 1; got > 0 && length < longest; length += got) {
    // One at a time: what stands behind the line is for whoever reads the descriptor next.
    got = read(fd, bytes.subarray(length, length + 1), where);
    if (bytes[length] === 0x0a && got === 1) break;
  }
  return bytes.toString('utf8', 0, length);
}

function read(fd: number, into: Uint8Array, where: string): number {
  try {
    return readSync(fd, into);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EOF') return 0;
    throw usage(`${where} cannot be read for a pass-phrase: ${(error as Error).message}`);
  }
}
