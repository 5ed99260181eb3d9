import { execa } from 'execa';
import { aside } from './page.ts';
import { programs, upstream } from './programs.ts';

/** Fetches apt's lists once where the machine has none: then it knows of no package at all. */
export async function packageLists(): Promise<void> {
  const known = await Promise.all(programs.map(({ layer }) => versionsOf(layer)));
  if (known.every(versions => versions.length > 0)) return;
  aside('apt-get update: apt knows no such packages yet');
  await updateLists();
}

export async function updateLists(): Promise<void> {
  const { failed, stderr, shortMessage } = await execa('apt-get', ['update', '-qq'], {
    stdin: 'ignore',
    reject: false,
  });
  // Without the network what the lists name may still be had from apt's cache; the import tells if not.
  if (failed) aside(stderr.split('\n', 1)[0] || (shortMessage ?? ''));
}

export interface TwoVersions {
  readonly name: string;
  readonly newer: string;
  readonly older: string;
}

/**
 * A package that the archive has in two versions, a security update beside the release for example. One whose program
 * itself says another version is preferred: then the swap is seen.
 */
export async function twoVersions(): Promise<TwoVersions | null> {
  const found: TwoVersions[] = [];
  for (const { layer } of programs) {
    const [newer, ...others] = await versionsOf(layer);
    const older = others.find(version => newer && upstream(version) !== upstream(newer)) ?? others[0];
    if (newer && older) found.push({ name: layer, newer, older });
  }
  return found.find(({ newer, older }) => upstream(newer) !== upstream(older)) ?? found[0] ?? null;
}

/** Versions that apt could install, highest first. */
async function versionsOf(name: string): Promise<string[]> {
  const { stdout } = await execa('apt-cache', ['madison', name], { reject: false });
  const rows = stdout.split('\n').map(line => line.split('|').map(cell => cell.trim()));
  return [
    ...new Set(
      rows.flatMap(([, version, source]) => (version && source?.endsWith(' Packages') ? version : [])),
    ),
  ];
}
