import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync, writeFileSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';

/**
 * Where the sandbox's users are on the host: 65,536 numbers that nobody has, above those of systemd-nspawn (UIDS-GIDS.md of systemd)
 * and below 2^31, where old programs stop. Root in the sandbox is the first of them.
 */
const firstUser = 0x7000_0000;
const users = 65_536;

/** Inside, outside, how many: a line of uid_map. */
const sandboxUsers = `0 ${firstUser} ${users}`;

/**
 * The namespace to build in. Its root is nobody on the host, which is what makes RLIMIT_NPROC count (kernel/fork.c exempts the host's
 * root) and the host's files somebody else's.
 */
export const openSandboxUsers = (): Promise<number> => openUserNamespace(sandboxUsers);

/**
 * The namespace that shifts the owners of layers and uppers. It knows the host's root too, by a number that nobody uses: overlayfs makes its
 * work directory and its whiteouts as the one who mounted it, and a user without a number cannot make a file (EOVERFLOW, fs/namei.c).
 */
export const openMountUsers = (): Promise<number> => openUserNamespace(`${sandboxUsers}\n${users} 0 1`);

/** A user namespace without a process in it, as a descriptor. */
async function openUserNamespace(map: string): Promise<number> {
  const holder = spawn('unshare', ['--user', 'cat'], { stdio: ['pipe', 'pipe', 'ignore'] });
  try {
    // It answers once it is in its namespace.
    const answered = once(holder.stdout, 'data');
    const ended = once(holder, 'exit').then(() => {
      throw new NanolinError(
        'needs-kernel',
        'no user namespace can be made',
        'is user.max_user_namespaces 0? `sysctl user.max_user_namespaces` shows it',
      );
    });
    ended.catch(() => {});
    holder.stdin.write('\n');
    await Promise.race([answered, ended]);
    for (const file of ['uid_map', 'gid_map']) writeFileSync(`/proc/${holder.pid}/${file}`, `${map}\n`);
    return openSync(`/proc/${holder.pid}/ns/user`, 'r');
  } finally {
    holder.kill('SIGKILL');
  }
}
