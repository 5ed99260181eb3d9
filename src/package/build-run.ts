import { chmodSync, createWriteStream, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';
import { inPlace, type Sandbox } from './build-sandbox.ts';

export interface StageRequest {
  /** `COMPILE`, `INSTALL`; also the name of its script. */
  readonly name: string;
  readonly script: string;
  /** May it write outside of the build folder? */
  readonly writes: boolean;
  readonly environment: Readonly<Record<string, string>>;
  /** What it prints is added to this file. */
  readonly log: string;
  /** The terminal of whoever runs us instead of a pipe and a clock. */
  readonly interactive?: boolean;
}

/** How a stage ended. */
export interface StageResult {
  readonly ok: boolean;
  readonly code: number | null;
  /** Why it was stopped, or failed for want of something; null where the program itself said no. */
  readonly why: string | null;
  /** What it printed last. */
  readonly tail: string;
}

const kept = 4096;
const maxLog = 256 * 2 ** 20;

/** What INSTALL has to do to files that are not yet its own; all of it counts in the sandbox's own user namespace only. */
const capabilities = ['CAP_CHOWN', 'CAP_DAC_OVERRIDE', 'CAP_FOWNER', 'CAP_FSETID', 'CAP_SETFCAP'];

/**
 * Runs one stage to its end in namespaces of its own: no network, no process of the host, no further user namespace, the first one
 * to go when memory runs out. Whatever it left in the background ends with it, and it ends with us.
 */
export async function runStage(ctx: Context, sandbox: Sandbox, request: StageRequest): Promise<StageResult> {
  const { execa } = await import('execa');
  const { place, limits } = sandbox;
  const script = join(place, inPlace.stages, request.name);
  if (!request.interactive) {
    writeFileSync(script, request.script);
    chmodSync(script, 0o755);
  }
  const log = createWriteStream(request.log, { flags: 'a', mode: 0o644 });
  log.on('error', () => {});
  const shell = request.interactive
    ? ['/bin/sh', '-c', greeting(request.name)]
    : ['/bin/sh', '-eu', `/nanolin/${request.name}`];
  const child = execa('nsenter', [...enter(), ...limit(limits), ...bubble(request), ...shell], {
    stdio: [
      request.interactive ? 'inherit' : 'ignore',
      request.interactive ? 'inherit' : 'pipe',
      request.interactive ? 'inherit' : 'pipe',
      sandbox.mountNamespace as 3,
      sandbox.userNamespace as 3,
    ],
    env: {},
    extendEnv: false,
    cwd: '/',
    buffer: false,
    reject: false,
    cancelSignal: ctx.signal,
    forceKillAfterDelay: 0,
    killSignal: 'SIGKILL',
    ...(request.interactive ? {} : { timeout: limits.stageMs }),
  });
  let tail = '';
  let written = 0;
  const take = (chunk: Buffer) => {
    written += chunk.length;
    if (written < maxLog) log.write(chunk);
    tail = (tail + chunk.toString('latin1')).slice(-kept);
    ctx.progress({ task: request.name.toLowerCase(), subject: lastLine(tail), done: written });
  };
  child.stdout?.on('data', take);
  child.stderr?.on('data', take);
  const ended = await child;
  await new Promise<void>(done => log.end(done));
  if (ctx.signal.aborted) throw new NanolinError('cancelled', `${request.name} was stopped`);
  if (ended.code === 'ENOENT')
    throw new NanolinError('needs-program', 'nsenter is not installed', 'apt-get install util-linux');
  const text = Buffer.from(tail, 'latin1').toString('utf8');
  const ok = ended.exitCode === 0;
  return {
    ok,
    code: ended.exitCode ?? null,
    why: ok ? null : reason(sandbox, ended.timedOut, text),
    tail: text,
  };
}

const greeting = (stage: string): string =>
  `echo 'This is where ${stage} failed; /nanolin/${stage} is its script. exit 0 runs it again, exit 1 gives up.'; exec /bin/sh -i`;

/** The first thing inside closes the doors: the namespaces' descriptors, and the making of further user namespaces. */
function enter(): string[] {
  const close = [
    'exec 3<&- 4<&-',
    'echo 0 >/proc/sys/user/max_user_namespaces',
    'echo 1000 >/proc/self/oom_score_adj',
    'umask 022',
    'exec "$@"',
  ].join('; ');
  return [
    '--mount=/proc/self/fd/3',
    '--user=/proc/self/fd/4',
    '-S',
    '0',
    '-G',
    '0',
    '/bin/sh',
    '-euc',
    close,
    'sh',
  ];
}

function limit({ processes, memory }: Sandbox['limits']): string[] {
  return ['prlimit', `--nproc=${processes}`, `--data=${memory}`, '--core=0', '--'];
}

/** The paths are those of the scratch namespace: the place at /tmp, the stack at /tmp/mnt. */
function bubble({ writes, environment }: StageRequest): string[] {
  const bind = (name: string, target: string) => ['--bind', `/tmp/${name}`, target];
  return [
    'bwrap',
    ...['--unshare-ipc', '--unshare-pid', '--unshare-net', '--unshare-uts', '--unshare-cgroup-try'],
    ...['--hostname', 'nanolin', '--die-with-parent', '--new-session'],
    ...[writes ? '--bind' : '--ro-bind', '/tmp/mnt', '/'],
    ...['--proc', '/proc', '--dev', '/dev'],
    ...bind('shm', '/dev/shm'),
    ...bind('run', '/run'),
    ...bind('tmp', '/tmp'),
    ...bind('vartmp', '/var/tmp'),
    ...bind(inPlace.folder, '/build'),
    ...['--ro-bind', `/tmp/${inPlace.stages}`, '/nanolin'],
    ...['--remount-ro', '/dev'],
    ...['--cap-drop', 'ALL', ...capabilities.flatMap(name => ['--cap-add', name])],
    ...['--clearenv', ...Object.entries(environment).flatMap(([name, value]) => ['--setenv', name, value])],
    ...['--chdir', '/build', '--'],
  ];
}

function reason({ place, limits }: Sandbox, timedOut: boolean, text: string): string | null {
  const { bavail, ffree } = statfsSync(place);
  if (bavail === 0 || ffree === 0 || /No space left on device/.test(text))
    return `it filled the ${Math.floor(limits.disk / 2 ** 20)} MiB that a build may take`;
  if (/[Cc]annot fork|fork: (retry: )?Resource temporarily unavailable/.test(text))
    return `it reached the ${limits.processes} processes that a build may have`;
  if (timedOut) return `it was stopped after ${limits.stageMs / 1000} s`;
  if (/Read-only file system/.test(text))
    return 'it wrote outside of the build folder, which only INSTALL may do';
  return null;
}

const lastLine = (text: string): string =>
  text
    .trimEnd()
    .split('\n')
    .at(-1)
    ?.replace(/[^ -~]/g, '?')
    .slice(-60) ?? '';
