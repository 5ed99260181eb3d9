import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { type Nanolin, type OpenOptions, openNanolin } from '../../src/index.ts';

/** A root of its own for the library, and a target that lies on a mount of its own. */
export interface Scene extends AsyncDisposable {
  readonly directory: string;
  readonly root: string;
  readonly target: string;
  open(options?: OpenOptions): Promise<Nanolin>;
  /** Writes NAME.rcp; `layers` bottom first. */
  profile(
    name: string,
    layers: readonly string[],
    options?: { writing?: string; from?: string; base?: string },
  ): void;
}

/** `propagation` is that of the mount on which the target lies: `shared` as under systemd, `private` as in a sandbox. */
export async function setScene(propagation: 'private' | 'shared', directory?: string): Promise<Scene> {
  const scratch = directory ?? mkdtempSync(join(tmpdir(), 'nanolin-gap-'));
  const root = join(scratch, 'root');
  const parent = join(scratch, 'live');
  const target = join(parent, 'target');
  const run = join(root, 'run');
  const profiles = join(root, 'etc/nanolin/profiles');
  const opened: Nanolin[] = [];
  for (const made of [profiles, parent, run]) mkdirSync(made, { recursive: true });
  // As on any system: ext4 writes a replaced file out at its rename, tmpfs does not.
  await execa('mount', ['-t', 'tmpfs', 'nanolin-gap', run]);
  await execa('mount', ['-t', 'tmpfs', 'nanolin-gap', parent]);
  await execa('mount', [`--make-${propagation}`, parent]);
  mkdirSync(target);
  writeFileSync(join(target, 'base'), 'base\n');

  return {
    directory: scratch,
    root,
    target,
    async open(options = {}) {
      const nanolin = await openNanolin({ root, restart: false, ...options });
      opened.push(nanolin);
      return nanolin;
    },
    profile(name, layers, { writing = 'none', from = '/', base = 'keep' } = {}) {
      const lines = [
        `PROFILE ${name}`,
        `TARGETS ${target} base=${base} from=${from}`,
        ...layers.map(layer => `ENABLES ${layer}`),
        `WRITING ${writing}`,
      ];
      writeFileSync(join(profiles, `${name}.rcp`), `${lines.join('\n')}\n`);
    },
    async [Symbol.asyncDispose]() {
      for (const nanolin of opened) await nanolin.close();
      // Whatever stacks are on the target go with the mount it lies on.
      await execa('umount', ['--lazy', parent, run]);
      rmSync(scratch, { recursive: true, force: true });
    },
  };
}
