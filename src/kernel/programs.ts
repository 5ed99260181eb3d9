import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Probe } from './types.ts';

interface Program {
  readonly name: string;
  /** Debian's name of what brings it. */
  readonly from: string;
  readonly for: string;
  /** False where the machine may well do without. */
  readonly needed: boolean;
}

const programs: readonly Program[] = [
  { name: 'mkfs.erofs', from: 'erofs-utils', for: 'layers are made with it', needed: true },
  { name: 'mksquashfs', from: 'squashfs-tools', for: '`--format squashfs`', needed: false },
  { name: 'bsdtar', from: 'libarchive-tools', for: 'importing archives', needed: true },
  { name: 'apt-get', from: 'apt', for: '`deb:NAME` sources', needed: false },
  { name: 'dpkg-deb', from: 'dpkg', for: '.deb files', needed: false },
  { name: 'fusermount', from: 'fuse3', for: 'stacks of ordinary users', needed: false },
  { name: 'squashfuse', from: 'squashfuse', for: 'squashfs layers of ordinary users', needed: false },
  { name: 'bwrap', from: 'bubblewrap', for: 'sandboxes', needed: false },
];

/** System tools are looked for in the system's places too: a user's PATH often lacks sbin. */
export function findProgram(name: string, path = process.env.PATH ?? ''): string | null {
  for (const folder of [...path.split(delimiter), '/usr/sbin', '/sbin', '/usr/bin', '/bin']) {
    if (!folder.startsWith('/')) continue;
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // not there
    }
  }
  return null;
}

export function probePrograms(): Probe[] {
  return programs.map(program => {
    const path = findProgram(program.name);
    if (path !== null) return { what: program.name, ok: true, way: path, remedy: null };
    const remedy = `install it for ${program.for}: apt-get install ${program.from}`;
    return { what: program.name, ok: !program.needed, way: 'not here', remedy };
  });
}
