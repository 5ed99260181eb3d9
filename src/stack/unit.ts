/**
 * The service that a process belongs to, from its /proc/PID/cgroup (cgroups(7)): systemd names a service's control group after its
 * unit. A service that has groups of its own below is still that service; a user's service is the inner one of the two.
 */
export function unitIn(cgroups: string): string | null {
  for (const line of cgroups.split('\n')) {
    const [hierarchy, controllers, ...path] = line.split(':');
    if (hierarchy !== '0' && controllers !== 'name=systemd') continue;
    const unit = path
      .join(':')
      .split('/')
      .findLast(part => part.endsWith('.service'));
    if (unit !== undefined) return unit;
  }
  return null;
}
