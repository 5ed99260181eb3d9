import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { openNanolin } from '../index.ts';
import { aside, expect, failures, tell } from './page.ts';
import { places } from './places.ts';

const alone = ['-m', '--propagation', 'private', '--'];

/** Plays the story in a mount namespace of its own and looks afterwards whether this one is as it was. Returns the exit code. */
export async function outside(): Promise<number> {
  const { program, root } = places();
  const allowed = await execa('unshare', [...alone, 'true'], { reject: false });
  if (allowed.failed) {
    tell(`a mount namespace of its own is not to be had: ${allowed.stderr || allowed.message}`);
    return lacking(root);
  }
  const before = mounts(root);
  const story = execa('unshare', [...alone, process.execPath, ...process.execArgv, program, '--inside'], {
    stdio: 'inherit',
    reject: false,
  });
  // The story cleans up behind itself and ends; we stay to look at the mounts.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => story.kill(signal));
  const { exitCode } = await story;
  const after = mounts(root);
  expect(before === after, "this machine's own /usr has the mounts it had before, no more and no less");
  if (before !== after) aside(after);
  return exitCode === 0 && failures() > 0 ? 1 : (exitCode ?? 1);
}

/** What this machine lacks, in doctor's words. */
export async function lacking(root: string): Promise<8> {
  const nanolin = await openNanolin({ root });
  const { kernel, checks } = await nanolin.doctor().finally(() => nanolin.close());
  tell(`kernel ${kernel}`);
  for (const { what, remedy } of checks.filter(check => !check.ok))
    tell(`missing: ${what}${remedy ? ` (${remedy})` : ''}`);
  return 8;
}

/** Mounts on and below /usr and below our root; what others mount elsewhere meanwhile is no business of ours. */
function mounts(root: string): string {
  const here = ['/usr', root];
  return readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => here.some(place => `${line.split(' ')[4]}/`.startsWith(`${place}/`)))
    .join('\n');
}
