import { createReadStream, lstatSync } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';
import { failure, plainEnvironment } from './run.ts';
import { checkTar } from './tar-check.ts';
import { type Told, type ToldEntries, toldEntries } from './told.ts';

/** Where a tar stream comes from: a program that writes one, an open archive of any kind libarchive reads, or a directory. */
export type Packed =
  | { readonly from: 'program'; readonly program: string; readonly args: readonly string[] }
  | { readonly from: 'archive'; readonly fd: number }
  | { readonly from: 'directory'; readonly path: string };

const faithful = ['--numeric-owner', '--acls', '--xattrs', '--no-fflags'];

/**
 * Unpacks into a fresh directory, with owners, modes, attributes and ACLs. libarchive reads the source and writes it as one pax stream;
 * `checkTar` judges each entry; a second bsdtar, whose root directory is `tree`, writes what passed. So nothing that the source says can
 * reach a file outside, and what is unpacked is what was judged. Where we are not root everything is ours and readable, and `told` gets the
 * owners and modes. Throws image-hostile, source-unreadable, no-space or cancelled.
 */
export async function unpack(
  ctx: Context,
  packed: Packed,
  tree: string,
  subject: string,
  told: ToldEntries | null = toldEntries(),
): Promise<void> {
  const { execa } = await import('execa');
  const common = {
    env: { ...plainEnvironment },
    cancelSignal: ctx.signal,
    reject: false,
    buffer: { stdout: false },
    maxBuffer: 2 ** 20,
  } as const;
  const reader =
    packed.from === 'program' ? execa(packed.program, packed.args, { ...common, stdin: 'ignore' }) : null;
  const source =
    packed.from === 'archive'
      ? createReadStream('', { fd: packed.fd, start: 0, autoClose: false })
      : reader?.stdout;
  const what = packed.from === 'directory' ? ['-C', packed.path, '.'] : ['@-'];
  const converter = execa('bsdtar', ['-cf', '-', '--format=pax', ...faithful, ...what], {
    ...common,
    stdin: source ? 'pipe' : 'ignore',
  });
  // Only root may change his root directory. Without, bsdtar follows no link and no `..` out of the tree by itself.
  const confined = told === null ? ['--chroot'] : ['--no-same-owner'];
  const writer = execa('bsdtar', ['-xpf', '-', ...confined, '-C', tree, ...faithful], {
    ...common,
    stdin: 'pipe',
  });

  ctx.progress({ task: 'unpack', subject });
  const owners = new Map<string, Told>();
  const judged = checkTar(
    converter.stdout,
    everyMegabytes(16, done => ctx.progress({ task: 'unpack', subject, done })),
    told && ((path, owner) => owners.set(path, owner)),
  );
  const flows = await Promise.allSettled([
    source && converter.stdin ? pipeline(source, converter.stdin) : null,
    pipeline(Readable.from(judged, { objectMode: false }), writer.stdin).catch(error => {
      // Nobody reads what is still to come: what writes it would wait for ever. The writer ends by itself at the end of its input.
      for (const child of [reader, converter]) child?.kill('SIGKILL');
      converter.stdout.destroy();
      throw error;
    }),
  ]);
  const verdict = flows
    .map(flow => (flow.status === 'rejected' ? flow.reason : null))
    .find(reason => reason instanceof NanolinError);
  const ends = await Promise.all([reader, converter, writer]);
  if (ctx.signal.aborted) throw new NanolinError('cancelled', `importing ${subject} was stopped`);
  if (verdict?.code === 'image-hostile') throw named(verdict, subject);
  const failures = ends
    .map((end, i) =>
      end?.failed && !isVictim(end)
        ? { at: i, error: failure(ctx, end.command.split(' ', 1)[0] ?? '', end) }
        : null,
    )
    .filter(one => one !== null);
  const [first] = failures;
  const telling = failures.find(({ error }) => error.code === 'no-space' || error.code === 'needs-program');
  if (telling) throw telling.error;
  if (first?.at === 2)
    throw new NanolinError(
      'image-hostile',
      `${subject} is refused: ${first.error.message}`,
      'nothing of it was kept',
    );
  if (first)
    throw new NanolinError(
      'source-unreadable',
      `${subject} cannot be read: ${first.error.message}`,
      'is it damaged, or does it hold what no image can (a socket)?',
    );
  if (verdict) throw named(verdict, subject);
  if (ends[1]?.failed || ends[2]?.failed)
    throw new NanolinError(
      'source-unreadable',
      `${subject} could not be unpacked to its end`,
      'try it again',
    );
  for (const [path, owner] of owners) told?.set(inodeAt(tree, path), owner);
}

function inodeAt(tree: string, path: string): bigint {
  const place = Buffer.concat([Buffer.from(`${tree}/`), Buffer.from(path, 'latin1')]);
  return lstatSync(place, { bigint: true }).ino;
}

/** Ended because its neighbour did: the pipe was closed under it. */
function isVictim({ signal, stderr }: { signal?: string | undefined; stderr?: unknown }): boolean {
  return signal === 'SIGPIPE' || signal === 'SIGKILL' || /Broken pipe|Write error/.test(String(stderr));
}

function named(error: NanolinError, subject: string): NanolinError {
  return new NanolinError(error.code, `${subject} is refused: ${error.message}`, error.hint, {
    cause: error,
  });
}

function everyMegabytes(step: number, report: (done: number) => void): (bytes: number) => void {
  let next = step * 2 ** 20;
  return bytes => {
    if (bytes < next) return;
    next = bytes + step * 2 ** 20;
    report(bytes);
  };
}
