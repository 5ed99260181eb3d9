import type { Session } from '../profile/index.ts';
import type { Context } from '../state/index.ts';
import type { InstallOptions, PackageChange } from './install.ts';
import type { RemoveOptions } from './remove.ts';
import type { FoundPackage, InstalledPackage } from './search.ts';

export type { InstallOptions, PackageChange, PackageName } from './install.ts';
export type { RemoveOptions } from './remove.ts';
export type { FoundPackage, InstalledPackage } from './search.ts';

/** See install.ts. It and those below are loaded when they are called: most commands have nothing to do with packages. */
export async function installPackages(
  session: Session,
  words: readonly string[],
  options: InstallOptions = {},
): Promise<PackageChange> {
  return (await import('./install.ts')).installPackages(session, words, options);
}

/** See remove.ts. */
export async function removePackages(
  session: Session,
  names: readonly string[],
  options: RemoveOptions = {},
): Promise<PackageChange> {
  return (await import('./remove.ts')).removePackages(session, names, options);
}

/** See search.ts, as for the two below. */
export async function listPackages(ctx: Context): Promise<InstalledPackage[]> {
  return (await import('./search.ts')).listPackages(ctx);
}

export async function packageFiles(ctx: Context, name: string): Promise<string[]> {
  return (await import('./search.ts')).packageFiles(ctx, name);
}

export async function searchPackages(
  ctx: Context,
  text: string,
  from: readonly string[] = [],
): Promise<FoundPackage[]> {
  return (await import('./search.ts')).searchPackages(ctx, text, from);
}
