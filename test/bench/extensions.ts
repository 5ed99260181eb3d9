import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Conversation, converse } from '../gap/conversation.ts';
import { program } from '../programs/build.ts';
import { makeRawImages } from './stage.ts';

export interface Timing {
  readonly ns: number;
  readonly status: number;
}

/** Runs a command to its end and says how many milliseconds it took; throws when it failed. */
export async function timed(clock: Conversation<Timing>, command: readonly string[]): Promise<number> {
  const { ns, status } = await clock.ask(command.join('\t'));
  if (status !== 0) throw new Error(`${command.join(' ')}: exit code ${status}`);
  return ns / 1e6;
}

/**
 * A mount namespace in which systemd-sysext does what it does on a systemd host: `/` is shared there, /run is a mount, and nothing of
 * it is seen here. Without the two it prints "Merged" and mounts nothing.
 */
const namespace = `set -e
mount --make-rshared /
mount -t tmpfs tmpfs /run
mkdir /run/extensions
mount --bind "$1" /run/extensions
exec "$2"`;

/** systemd-sysext on the trees as raw images, in a namespace of its own, with every extension proven to be there. */
export async function extendedSystem(
  scratch: string,
  name: string,
  trees: readonly { name: string; tree: string }[],
): Promise<Conversation<Timing>> {
  const images = join(scratch, name);
  mkdirSync(images);
  await makeRawImages(images, trees);
  const clock = converse<Timing>(
    [
      'unshare',
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      namespace,
      'sysext',
      images,
      program('timed'),
    ],
    { SYSTEMD_LOG_LEVEL: 'err' },
  );
  await timed(clock, refresh);
  for (const tree of trees) await timed(clock, ['test', '-e', `/usr/share/nanolin-bench/${tree.name}/file`]);
  return clock;
}

export const refresh = ['systemd-sysext', 'refresh'];
