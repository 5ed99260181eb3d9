import { BlockList, isIP } from 'node:net';

// Link-local addresses answer with what belongs to the machine: a cloud's metadata service hands out credentials there.
const local = new BlockList();
local.addSubnet('169.254.0.0', 16, 'ipv4');
local.addSubnet('fe80::', 10, 'ipv6');
local.addAddress('fd00:ec2::254', 'ipv6');
local.addSubnet('0.0.0.0', 8, 'ipv4');
local.addAddress('::', 'ipv6');

/** May a source come from this address? */
export function isRefusedAddress(address: string): boolean {
  const kind = isIP(address);
  if (kind === 0) return false;
  // BlockList knows ::ffff:169.254.0.1 for what it is.
  return local.check(address, kind === 4 ? 'ipv4' : 'ipv6');
}

/** Why a redirect may not be followed, or the address it leads to. */
export function redirectTarget(from: string, location: string | undefined): { to: URL } | { why: string } {
  if (location === undefined || !URL.canParse(location, from)) return { why: 'redirects to nowhere' };
  const to = new URL(location, from);
  if (to.protocol !== 'http:' && to.protocol !== 'https:')
    return { why: `redirects to a ${to.protocol} address` };
  if (new URL(from).protocol === 'https:' && to.protocol === 'http:')
    return { why: 'redirects from https to http' };
  return { to };
}
