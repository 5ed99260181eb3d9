import { spawnSync } from 'node:child_process';
import { accessSync, constants, mkdirSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import * as assert from 'uvu/assert';

const top = resolve(import.meta.dirname, '../..');

/** Waits for the servers of unions to end, and says which do not, and what is still mounted. */
export const whatIsLeft = `
for try in 1 2 3 4 5 6 7 8 9 10; do
  grep -lzx -e --foreground /proc/[0-9]*/cmdline > /mnt/servers || break
  sleep 0.5
done
cat /mnt/servers
grep fuse.nanolin /proc/mounts || true
`;

/** A device for all, as Debian's udev makes it, and \`tester\`, who is nobody outside. */
export const ordinaryUser = `
chmod 755 /mnt
mknod -m 666 /mnt/fuse c 10 229
mount --bind /mnt/fuse /dev/fuse
{ cat /etc/passwd; echo tester:x:4321:4321::/mnt/home:/bin/sh; } > /mnt/passwd
mount --bind /mnt/passwd /etc/passwd
as_user() { setpriv --reuid 4321 --regid 4321 --clear-groups "$@"; }
`;

/**
 * Runs a shell script in a namespace of mounts and one of processes that end with it: the scratch directory is /mnt there, where ordinary
 * users get at it too, and the checkout /mnt/nanolin. Gives what it says by its lines \`# heading\`.
 */
export function inNamespaces(scratch: string, script: string, ...args: string[]): Record<string, string[]> {
  mkdirSync(join(scratch, 'nanolin'));
  const enter = `scratch=$1 top=$2 script=$3; shift 3
    mount --bind "$scratch" /mnt && mount --bind "$top" /mnt/nanolin && exec sh -euc "$script" script "$@"`;
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    [
      ...['--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'],
      ...['sh', '-c', enter, 'enter', scratch, top, script, ...args],
    ],
    { encoding: 'utf8', timeout: 120_000 },
  );
  assert.is(status, 0, stdout + stderr);
  const sections: Record<string, string[]> = {};
  let lines: string[] = [];
  for (const line of stdout.split('\n').slice(0, -1))
    if (line.startsWith('# ')) sections[line.slice(2)] = lines = [];
    else lines.push(line);
  return sections;
}

/** Where a program lies on PATH. */
export function onPath(program: string): string | undefined {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .map(directory => join(directory, program))
    .find(path => {
      try {
        return accessSync(path, constants.X_OK) === undefined;
      } catch {
        return false;
      }
    });
}
