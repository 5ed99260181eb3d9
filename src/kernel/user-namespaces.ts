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
