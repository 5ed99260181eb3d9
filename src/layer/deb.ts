import { debianVersion } from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { mergedPath } from './merged-usr.ts';
import { run } from './run.ts';

export interface Control {
  readonly name: string;
  /** As a layer's: no epoch, no `-`. */
  readonly version: string;
  /** Maintainer scripts that the package has; none of them is run. */
  readonly scripts: readonly string[];
  /** Configuration files, relative to the root of the layer. */
  readonly conffiles: ReadonlySet<string>;
}

const scripts = ['preinst', 'postinst', 'prerm', 'postrm', 'config', 'triggers'];

/** What a .deb says about itself. `path` is a copy of ours. Throws command-failed where dpkg-deb cannot read it. */
export async function readControl(ctx: Context, path: string): Promise<Control> {
  const fields = await run(ctx, 'dpkg-deb', ['-f', path, 'Package', 'Version']);
  const field = (name: string) => new RegExp(`^${name}: *(.+)$`, 'm').exec(fields)?.[1]?.trim() ?? '';
  const info = await run(ctx, 'dpkg-deb', ['-I', path]);
  // ` 1234 bytes,    56 lines   *  postinst    #!/bin/sh`
  const members = new Set(
    Array.from(info.matchAll(/^ +\d+ bytes, +\d+ lines +\*? *([a-z]+)(?: |$)/gm), match => match[1]),
  );
  const conffiles = members.has('conffiles') ? await run(ctx, 'dpkg-deb', ['-I', path, 'conffiles']) : '';
  return {
    name: field('Package').toLowerCase(),
    version: debianVersion(field('Version')),
    scripts: scripts.filter(name => members.has(name)),
    conffiles: new Set(conffiles.split('\n').flatMap(line => conffile(line.trim()))),
  };
}

/** `/etc/x`, or `remove-on-upgrade /etc/x` (deb-conffiles(5)), as the byte string that a manifest would have. */
function conffile(line: string): string[] {
  const path = line.slice(line.indexOf('/') + 1);
  return line.startsWith('/') ? [mergedPath(Buffer.from(path).toString('latin1'))] : [];
}
