import { readFileSync } from 'node:fs';

/** Switches that shut user namespaces to ordinary users: Debian's, the kernel's own, Ubuntu's. */
const switches = [
  { name: 'kernel.unprivileged_userns_clone', shut: '0', open: '1' },
  { name: 'user.max_user_namespaces', shut: '0', open: '10000' },
  { name: 'kernel.apparmor_restrict_unprivileged_userns', shut: '1', open: '0' },
] as const;

/** What would open them, as a command; null where no switch is shut. */
export function closedNamespaces(): string | null {
  const shut = switches.filter(({ name, shut }) => setting(name) === shut);
  return shut.length === 0 ? null : `sysctl ${shut.map(({ name, open }) => `${name}=${open}`).join(' ')}`;
}

function setting(name: string): string | null {
  try {
    return readFileSync(`/proc/sys/${name.replaceAll('.', '/')}`, 'latin1').trim();
  } catch {
    return null; // not every kernel has each
  }
}

/** A line of /proc/PID/uid_map (user_namespaces(7)). */
interface Mapped {
  readonly inside: number;
  readonly outside: number;
  readonly count: number;
}

function uidMap(): Mapped[] {
  const lines = readFileSync('/proc/self/uid_map', 'latin1').trim().split('\n');
  return lines.map(line => {
    const [inside = 0, outside = 0, count = 0] = line.trim().split(/\s+/).map(Number);
    return { inside, outside, count };
  });
}

/** Has every user a number here? Not in a user namespace that an ordinary user made. */
export const everyIdMapped = (): boolean => uidMap()[0]?.count === 2 ** 32 - 1;

/** The number of a user outside of our user namespace; the same where we are in none. */
export function uidOutside(uid: number): number {
  const range = uidMap().find(({ inside, count }) => uid >= inside && uid < inside + count);
  return range ? uid - range.inside + range.outside : uid;
}
