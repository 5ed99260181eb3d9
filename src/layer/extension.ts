import type { Entry } from '../formats/index.ts';
import { isPackageName } from '../formats/index.ts';

/** What a systemd system extension is called (os-release(5): extension-release.NAME); nothing for any other tree. */
export function extensionName(entries: readonly Entry[]): { name?: string } {
  const place = 'usr/lib/extension-release.d/extension-release.';
  const release = entries.find(
    ({ path, type }) => type === 'file' && path.startsWith(place) && isPackageName(path.slice(place.length)),
  );
  return release ? { name: release.path.slice(place.length) } : {};
}
