import { realpathSync } from 'node:fs';
import { resolve } from 'node:path';
import { asNanolinError, type NanolinError } from '../error/index.ts';
import type { UnionOptions } from '../fuse/index.ts';
import { type Answer, type Command, many, type Request, usage, value } from './command.ts';
import { styled } from './paper.ts';

type Way = { readonly backend: 'kernel' | 'fuse'; readonly pid: number | null; readonly why: string };

/** A union without state: no profile, no generation, no lock; plain `umount` ends it. */
export const union: Command = {
  verb: ['union'],
  about: 'mount a bare union; returns when it is usable, `umount` ends it',
  words: [
    {
      name: 'TARGET',
      names: 'file',
      many: true,
      about: 'directory, or SOURCE and directory as mount(8) has them',
    },
  ],
  flags: {
    options: {
      value: 'OPTIONS',
      short: 'o',
      about:
        'lowerdir=A:B[,upperdir=U,workdir=W][,ro][,volatile][,userxattr][,whiteouts=oci], topmost first, `\\` before : and ,',
    },
    foreground: { about: 'serve a FUSE union from this process; SIGTERM unmounts it' },
  },
  example: 'nanolin union -o lowerdir=/a:/b,upperdir=/u,workdir=/w /mnt',
  check: request =>
    request.flags.options === undefined
      ? '-o is missing'
      : many(request, 'TARGET').length > 2
        ? 'more than SOURCE and TARGET'
        : undefined,
  async run(request) {
    const words = many(request, 'TARGET');
    const target = words.at(-1) ?? '';
    const source = words.length === 2 ? (words[0] ?? '') : 'nanolin';
    const { parseUnionOptions } = await import('../fuse/index.ts');
    const options = parseUnionOptions(value(request, 'options') ?? '');
    if (request.flags.foreground) return serve(options, target, source);
    const { backend, pid, why } = await mount(options, target, source, request);
    return {
      json: { target: resolve(target), backend, pid, why },
      summary: true,
      text: [[styled('good', 'mounted'), ` ${target} `, styled('dim', `by ${backend}: ${why}`)]],
    };
  },
};

/** `auto` takes what `chooseBackend` finds, and FUSE where the kernel refuses just these layers. */
async function mount(options: UnionOptions, target: string, source: string, request: Request): Promise<Way> {
  const { mountByKernel } = await import('../fuse/index.ts');
  const { chooseBackend } = await import('../kernel/index.ts');
  const wanted = (value(request, 'backend') ?? 'auto') as 'auto' | 'kernel' | 'fuse';
  const { backend, userxattr, why } = await chooseBackend(wanted);
  const marked = { ...options, userxattr: options.userxattr || userxattr };
  if (backend === 'fuse') return byFuse(request, marked, why);
  try {
    mountByKernel(marked, target, source);
    return { backend, pid: null, why };
  } catch (thrown) {
    const error = asNanolinError(thrown);
    if (wanted === 'kernel' || !isForFuse(error)) throw error;
    return byFuse(request, marked, error.message);
  }
}

/** What another way of mounting may get round; a missing directory is missing for both. */
const isForFuse = ({ code }: NanolinError): boolean =>
  ['mount-failed', 'needs-rights', 'needs-kernel', 'needs-program'].includes(code);

/** The same command line again, as the process that stays. */
async function byFuse(request: Request, { userxattr }: UnionOptions, why: string): Promise<Way> {
  const { startServer } = await import('../fuse/index.ts');
  const program = process.argv[1];
  if (program === undefined) throw usage('this program does not know its own path');
  // By its own name, whatever it was called by: the words are complete now.
  const itself = realpathSync(program);
  const given = value(request, 'options') ?? '';
  const options = userxattr && !given.split(',').includes('userxattr') ? `${given},userxattr` : given;
  const again = ['union', '--foreground', '-o', options, ...many(request, 'TARGET')];
  const pid = await startServer([process.execPath, ...process.execArgv, itself, ...again]);
  return { backend: 'fuse', pid, why };
}

async function serve(options: UnionOptions, target: string, source: string): Promise<Answer> {
  const { isServer, logToSystem, serveUnion, tellReady, textOf } = await import('../fuse/index.ts');
  const log = isServer()
    ? logToSystem
    : (error: unknown) =>
        void process.stderr.write(`nanolin union: ${textOf(error)}
`);
  try {
    const served = await serveUnion(options, target, source, log);
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, served.unmount);
    // What is thrown outside of any request must not take the mount down.
    process.on('uncaughtException', log);
    process.on('unhandledRejection', log);
    // It must not keep a directory busy that somebody wants to unmount.
    process.chdir('/');
    tellReady(null);
    await served.ended;
  } catch (thrown) {
    tellReady(asNanolinError(thrown));
    throw thrown;
  }
  return { json: { target: resolve(target), unmounted: true }, summary: true, text: [] };
}
