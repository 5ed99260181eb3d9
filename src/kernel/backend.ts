import { type ErrorCode, NanolinError } from '../error/index.ts';
import { Descriptor } from './descriptor.ts';
import { openEmpty } from './empty.ts';
import { fuseProblem } from './fuse.ts';
import { native } from './native.ts';
import { assembleOverlay } from './overlay.ts';
import { isSysError, saidAny } from './refusal.ts';
import { closedNamespaces } from './user-namespaces.ts';

export interface Backend {
  readonly backend: 'kernel' | 'fuse';
  /** Marks of the upper are user.overlay.*, because trusted.* is not ours to set; the two do not read each other's. */
  readonly userxattr: boolean;
  /** What decided, for people. */
  readonly why: string;
}

const asked = new Map<string, Promise<Backend>>();

/**
 * Who mounts: for `auto` the kernel, also in a user namespace whose root we are, else FUSE. Found by mounting something tiny that nobody
 * sees, once a process. Throws needs-rights, needs-kernel or needs-program with what to do, for what was asked for or for all there is.
 */
export function chooseBackend(wanted: 'auto' | 'kernel' | 'fuse'): Promise<Backend> {
  const known = asked.get(wanted) ?? choose(wanted);
  asked.set(wanted, known);
  return known;
}

async function choose(wanted: 'auto' | 'kernel' | 'fuse'): Promise<Backend> {
  const byKernel = wanted === 'fuse' ? null : overlayProblem();
  if (wanted !== 'fuse' && byKernel === null) {
    const userxattr = !marksTrusted();
    const why = userxattr ? 'we are root of a user namespace' : 'it is the faster one';
    return { backend: 'kernel', userxattr, why: wanted === 'kernel' ? 'asked for' : why };
  }
  if (wanted === 'kernel' && byKernel) throw byKernel;
  const byFuse = await fuseProblem();
  if (byFuse) throw byKernel ? nothingWorks(byKernel, byFuse) : byFuse;
  return { backend: 'fuse', userxattr: !marksTrusted(), why: byKernel ? byKernel.message : 'asked for' };
}

/** Why the kernel mounts no overlay for us, or null. */
export function overlayProblem(): NanolinError | null {
  try {
    using top = new Descriptor(openEmpty());
    using bottom = new Descriptor(openEmpty());
    const forced = new Set<never>();
    native.close(
      assembleOverlay({ lowers: [top.fd, bottom.fd], source: 'nanolin-probe', nosuid: true, forced }).fd,
    );
    return null;
  } catch (error) {
    if (!(error instanceof NanolinError)) throw error;
    if (error.code !== 'needs-rights' || !isSysError(error.cause)) return error;
    const { call, code } = error.cause;
    return new NanolinError(
      'needs-rights',
      `the kernel lets us mount nothing (${call} said ${code})`,
      error.hint,
      {
        cause: error,
      },
    );
  }
}

let trusted: boolean | undefined;

/**
 * Are trusted.* attributes ours to set? For root of the whole system alone: in a user namespace overlayfs wants `userxattr` instead
 * (Documentation/filesystems/overlayfs.rst). An ordinary user is told the same by FUSE's upper.
 */
function marksTrusted(): boolean {
  trusted ??= tryTrusted();
  return trusted;
}

function tryTrusted(): boolean {
  try {
    using context = new Descriptor(native.fsopen('tmpfs'));
    native.fsconfigCreate(context.fd);
    using mount = new Descriptor(native.fsmount(context.fd, 0));
    native.lsetxattr(`/proc/self/fd/${mount.fd}/.`, 'trusted.nanolin', Buffer.from('y'));
    return true;
  } catch (error) {
    // A tmpfs without attributes says nothing about rights.
    if (saidAny(error, 'EOPNOTSUPP')) return process.geteuid?.() === 0;
    return false;
  }
}

function nothingWorks(byKernel: NanolinError, byFuse: NanolinError): NanolinError {
  const lacking = [byKernel, byFuse].every(({ code }) => code === 'needs-rights');
  const code: ErrorCode = lacking ? 'needs-rights' : byFuse.code;
  const closed = closedNamespaces();
  const namespace =
    closed === null
      ? 'or run it in a user namespace: unshare --user --map-root-user --mount'
      : `or allow user namespaces: ${closed}`;
  return new NanolinError(
    code,
    `nothing here mounts a union: ${byKernel.message}; ${byFuse.message}`,
    [byFuse.hint, namespace].filter(Boolean).join(', '),
  );
}
