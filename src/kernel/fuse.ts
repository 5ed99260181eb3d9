import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { AT_FDCWD, O_RDWR } from './constants.ts';
import { Descriptor } from './descriptor.ts';
import { native } from './native.ts';
import { findProgram } from './programs.ts';
import { isSysError, saidAny } from './refusal.ts';
import { inScratch } from './scratch.ts';

/** Milliseconds. */
const PATIENCE = 5000;

/** Why no file system in user space can be mounted, or null: the device is opened, and something mounted that nobody serves. */
export async function fuseProblem(): Promise<NanolinError | null> {
  return deviceProblem() ?? libraryProblem() ?? (mountsItself() ? null : await helperProblem());
}

function deviceProblem(): NanolinError | null {
  try {
    native.close(openDevice());
    return null;
  } catch (error) {
    if (!isSysError(error)) throw error;
    const lacking = saidAny(error, 'EACCES', 'EPERM');
    return new NanolinError(
      lacking ? 'needs-rights' : 'needs-kernel',
      `/dev/fuse cannot be opened (${error.code})`,
      lacking
        ? 'chmod 666 /dev/fuse, as udev makes it'
        : 'modprobe fuse; a container needs --device /dev/fuse',
      { cause: error },
    );
  }
}

/** fuse-native's addon is linked with it. */
function libraryProblem(): NanolinError | null {
  const ldconfig = findProgram('ldconfig');
  // Debian's place, so that no program has to be asked.
  if (ldconfig === null || existsSync('/usr/lib/x86_64-linux-gnu/libfuse.so.2')) return null;
  const { status, stdout } = spawnSync(ldconfig, ['-p'], { encoding: 'utf8', timeout: PATIENCE });
  if (status !== 0 || /^\s*libfuse\.so\.2 /m.test(stdout)) return null;
  return new NanolinError('needs-program', 'libfuse.so.2 is not installed', 'apt-get install libfuse2');
}

/** Root mounts without help, in a user namespace of his own as well (Linux 4.18). */
function mountsItself(): boolean {
  try {
    inScratch(scratch => {
      using device = new Descriptor(openDevice());
      const options = `fd=${device.fd},rootmode=40000,user_id=${process.geteuid?.()},group_id=${process.getegid?.()}`;
      native.mount('nanolin-probe', '/', 'fuse', 0, options, scratch);
    });
    return true;
  } catch (error) {
    if (isSysError(error)) return false;
    throw error;
  }
}

/** fusermount sends the connection to the socket that it is given; nobody takes it, and the mount is dead at once. */
async function helperProblem(): Promise<NanolinError | null> {
  const helper = findProgram('fusermount') ?? findProgram('fusermount3');
  if (helper === null)
    return new NanolinError('needs-program', 'fusermount is not installed', 'apt-get install fuse3');
  const target = mkdtempSync(join(tmpdir(), 'nanolin-probe-'));
  try {
    const said = await mountBy(helper, target);
    if (said === null) return null;
    const hint = `${helper} has to be root's with mode 4755, and to be run without no_new_privs; /etc/fuse.conf may limit mounts`;
    return new NanolinError('needs-rights', `fusermount does not mount: ${said}`, hint);
  } finally {
    spawnSync(helper, ['-u', '-z', target], { stdio: 'ignore', timeout: PATIENCE });
    rmdirSync(target);
  }
}

/** What it said, or null when it has mounted. */
function mountBy(helper: string, target: string): Promise<string | null> {
  const child = spawn(helper, ['-o', 'ro,fsname=nanolin-probe', '--', target], {
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    env: { ...process.env, _FUSE_COMMFD: '3' },
    timeout: PATIENCE,
  });
  let words = '';
  child.stderr?.setEncoding('utf8').on('data', (part: string) => {
    words = (words + part).slice(0, 500);
  });
  child.stdio[3]?.on('error', () => {});
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', code =>
      done(code === 0 ? null : words.trim().replace(/\p{Cc}/gu, ' ') || `it ended with ${code}`),
    );
  });
}

const openDevice = (): number => native.openat2(AT_FDCWD, '/dev/fuse', O_RDWR, 0, 0);
