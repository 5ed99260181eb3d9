import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { commandOf, type Mount, parseMountinfo, readMountinfo } from '../kernel/index.ts';
import { mountNamespace } from './record.ts';

/** The mount table of a namespace, as one of its processes sees it. */
export interface NamespaceView {
  /** Inode number of the namespace. */
  readonly namespace: number;
  readonly pid: number;
  readonly command: string;
  readonly mounts: readonly Mount[];
}

/**
 * Our own namespace, then every other in which one of these sources is mounted. A table is read once for each root that processes of a
 * namespace have, and parsed only where it names a source: on a host of some dozen services this takes a millisecond or two. What a
 * namespace without processes holds (one that is kept by a bind mount of its file) is not seen.
 */
export function namespacesWith(sources: ReadonlySet<string>): [NamespaceView, ...NamespaceView[]] {
  const own = mountNamespace();
  const here = {
    namespace: own,
    pid: process.pid,
    command: commandOf(process.pid),
    mounts: readMountinfo(),
  };
  const others: NamespaceView[] = [];
  const known = new Set<string>();
  for (const name of sources.size === 0 ? [] : readdirSync('/proc')) {
    const pid = Number(name);
    if (!Number.isInteger(pid)) continue;
    try {
      const namespace = mountNamespace(pid);
      if (namespace === own) continue;
      // A process sees what is below its root alone.
      const key = `${namespace} ${readlinkSync(`/proc/${pid}/root`)}`;
      if (known.has(key)) continue;
      const text = readFileSync(`/proc/${pid}/mountinfo`, 'latin1');
      known.add(key);
      if (![...sources].some(source => text.includes(source))) continue;
      others.push({ namespace, pid, command: commandOf(pid), mounts: parseMountinfo(text) });
    } catch {
      // It ended meanwhile; another one of its namespace will do.
    }
  }
  return [here, ...others];
}
