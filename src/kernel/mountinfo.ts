import { readFileSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';

/** A line of /proc/PID/mountinfo (proc_pid_mountinfo(5)). */
export interface Mount {
  readonly id: number;
  /** Not in the list for the root of the namespace, and for what is outside of the process's root. */
  readonly parent: number;
  /** MAJOR:MINOR, st_dev of what is in it. */
  readonly device: string;
  /** The directory of the file system that forms the root of this mount. */
  readonly root: string;
  readonly mountPoint: string;
  readonly options: readonly string[];
  /** `shared:N`, `master:N`, `propagate_from:N`, `unbindable`; empty for a private mount. */
  readonly propagation: readonly string[];
  readonly type: string;
  readonly source: string;
  readonly superOptions: readonly string[];
}

/** The mounts a process sees; throws with the errno (ENOENT, ESRCH) when it is gone. */
export function readMountinfo(pid: number | 'self' = 'self'): Mount[] {
  return parseMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'latin1'));
}

/** `text` is read as latin1, one character a byte: names are bytes, and only the decoded ones are taken for UTF-8. */
export function parseMountinfo(text: string): Mount[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  return lines.map((line, index) => parseLine(line) ?? malformed(index + 1));
}

function malformed(line: number): never {
  throw new NanolinError('io', `line ${line} of mountinfo is not what the kernel writes`);
}

function parseLine(line: string): Mount | null {
  // An empty source leaves two spaces in a row: fields are split on each single space.
  const fields = line.split(' ');
  const dash = fields.indexOf('-', 6);
  const [id = '', parent = '', device = '', root = '', mountPoint = '', options = ''] = fields;
  const [type = '', source, superOptions, more] = fields.slice(dash + 1);
  if (dash < 0 || source === undefined || superOptions === undefined || more !== undefined) return null;
  if (!/^\d+$/.test(id) || !/^\d+$/.test(parent) || !/^\d+:\d+$/.test(device)) return null;
  return {
    id: Number(id),
    parent: Number(parent),
    device,
    root: decode(root),
    mountPoint: decode(mountPoint),
    options: options.split(','),
    propagation: fields.slice(6, dash),
    type: decode(type),
    source: decode(source),
    // A comma inside a value is written \054 (seq_show_option): split before decoding.
    superOptions: superOptions.split(',').map(decode),
  };
}

/** Space, tab, newline, backslash and # come as \ooo (mangle in fs/proc_namespace.c). */
function decode(field: string): string {
  const bytes = field.replace(/\\([0-3][0-7]{2})/g, (_, octal: string) =>
    String.fromCharCode(Number.parseInt(octal, 8)),
  );
  return Buffer.from(bytes, 'latin1').toString('utf8');
}

/**
 * The mount that a look-up of the path ends on when the path is a mount point, found as the kernel walks: from the root down,
 * and at each mount point up through what is stacked there. A mount that another one hides is never the answer.
 */
export function topmost(mounts: readonly Mount[], path: string): Mount | undefined {
  const ids = new Set(mounts.map(mount => mount.id));
  const passed = new Set<Mount>();
  let at: Mount | undefined;
  for (const point of prefixes(path)) {
    for (;;) {
      const on = at;
      const next = mounts.find(
        mount =>
          mount.mountPoint === point &&
          !passed.has(mount) &&
          (on ? mount.parent === on.id : !ids.has(mount.parent)),
      );
      if (!next) break;
      passed.add(next);
      at = next;
    }
  }
  return at?.mountPoint === path ? at : undefined;
}

/** `/`, `/a`, `/a/b` for `/a/b`. */
function prefixes(path: string): string[] {
  const parts = path.split('/').filter(part => part !== '');
  return ['/', ...parts.map((_, index) => `/${parts.slice(0, index + 1).join('/')}`)];
}

/** Everything mounted inside a mount, children before their children; what lies on its own root as well. */
export function nestedBelow(mounts: readonly Mount[], mountId: number): Mount[] {
  const children = new Map<number, Mount[]>();
  for (const mount of mounts) {
    const siblings = children.get(mount.parent);
    if (siblings) siblings.push(mount);
    else children.set(mount.parent, [mount]);
  }
  const found: Mount[] = [];
  const seen = new Set([mountId]);
  for (let queue = [mountId]; queue.length > 0; ) {
    const next = queue.flatMap(id => children.get(id) ?? []).filter(mount => !seen.has(mount.id));
    for (const mount of next) seen.add(mount.id);
    found.push(...next);
    queue = next.map(mount => mount.id);
  }
  return found;
}
