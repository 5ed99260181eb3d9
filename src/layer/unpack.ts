import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';
import { failure, plainEnvironment } from './run.ts';
import { checkTar } from './tar-check.ts';

/** Where a tar stream comes from: a program that writes one, an open archive of any kind libarchive reads, or a directory. */
export type Packed =
  | { readonly from: 'program'; readonly program: string; readonly args: readonly string[] }
  | { readonly from: 'archive'; readonly fd: number }
  | { readonly from: 'directory'; readonly path: string };

const faithful = ['--numeric-owner', '--acls', '--xattrs', '--no-fflags'];

/**
 * Unpacks into a fresh directory, with owners, modes, attributes and ACLs. libarchive reads the source and writes it as one pax stream;
 * `checkTar` judges each entry; a second bsdtar, whose root directory is `tree`, writes what passed. So nothing that the source says can
 * reach a file outside, and what is unpacked is what was judged. Throws image-hostile, source-unreadable, no-space or cancelled.
 */
export async function unpack(ctx: Context, packed: Packed, tree: string, subject: string): Promise<void> {
  const { execa } = await import('execa');
  const common = { env: { ...plainEnvironment }, cancelSignal: ctx.signal, reject: false, buffer: { stdout: false }, maxBuffer: 2 ** 20 } as const;
  const reader = packed.from === 'program' ? execa(packed.program, packed.args, { ...common, stdin: 'ignore' }) : null;
  const input = packed.from === 'archive' ? packed.fd : packed.from === 'program' ? 'pipe' : 'ignore';
  const what = packed.from === 'directory' ? ['-C', packed.path, '.'] : ['@-'];
  const converter = execa('bsdtar', ['-cf', '-', '--format=pax', ...faithful, ...what], { ...common, stdin: input });
  const writer = execa('bsdtar', ['-xpf', '-', '--chroot', '-C', tree, ...faithful], { ...common, stdin: 'pipe' });

  const report = (done: number) => ctx.progress({ task: 'unpack', subject, done });
  ctx.progress({ task: 'unpack', subject });
  const flows: Promise<unknown>[] = [];
  if (reader && converter.stdin) flows.push(pipeline(reader.stdout, converter.stdin));
  if (writer.stdin) {
    const judged = checkTar(converter.stdout, everyMegabytes(16, report));
    flows.push(pipeline(Readable.from(judged, { objectMode: false }), writer.stdin));
  }
  // A program that fails closes its pipe, and the flows around it fail with EPIPE: the verdict of checkTar comes first, then the
  // programs in the order of the stream.
  const results = await Promise.allSettled(flows);
  const refusal = results.map(result => (result.status === 'rejected' ? result.reason : null)).find(reason => reason instanceof NanolinError);
  if (refusal) for (const child of [reader, converter, writer]) child?.kill('SIGKILL');
  const ends = await Promise.all([reader, converter, writer]);
  if (ctx.signal.aborted) throw new NanolinError('cancelled', `importing ${subject} was stopped`);
  const failures = ends.map((end, i) => (end?.failed ? failure(ctx, i === 0 && packed.from === 'program' ? packed.program : 'bsdtar', end) : null));
  const telling = failures.find(error => error?.code === 'no-space' || error?.code === 'needs-program');
  if (telling) throw telling;
  const [unread, unconverted, unwritten] = failures;
  const broken = unread ?? unconverted;
  // The converter ends with an error too when the stream was refused half-way.
  if (refusal && !(broken && /end/.test(refusal.message))) throw named(refusal, subject);
  if (broken) throw new NanolinError('source-unreadable', `${subject} cannot be read: ${broken.message}`, 'is it damaged, or does it hold what no image can (a socket)?');
  if (unwritten) throw new NanolinError('image-hostile', `${subject} cannot be unpacked: ${unwritten.message}`, 'nothing of it was kept');
}

function named(error: NanolinError, subject: string): NanolinError {
  return new NanolinError(error.code, `${subject} is refused: ${error.message}`, error.hint, { cause: error });
}

function everyMegabytes(step: number, report: (done: number) => void): (bytes: number) => void {
  let next = step * 2 ** 20;
  return bytes => {
    if (bytes < next) return;
    next = bytes + step * 2 ** 20;
    report(bytes);
  };
}
