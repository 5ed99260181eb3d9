import type { Session } from '../profile/index.ts';
import type { Context } from '../state/index.ts';
import type { InstallOptions, PackageChange } from './install.ts';
import type { RemoveOptions } from './remove.ts';
import type { FoundPackage, InstalledPackage } from './search.ts';
import type { PackageReport } from './show-recipe.ts';
import type { ImportedPackage, Made, MakeOptions, PackageImportOptions } from './types.ts';

export type { InstallOptions, PackageChange, PackageName } from './install.ts';
export type { RemoveOptions } from './remove.ts';
export type { FoundPackage, InstalledPackage } from './search.ts';

export type { PackageReport } from './show-recipe.ts';
export type { ImportedPackage, Made, MakeOptions, PackageImportOptions } from './types.ts';

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

/** See build-make.ts. */
export async function makePackages(
  session: Session,
  asked: readonly string[],
  options: MakeOptions = {},
): Promise<Made[]> {
  return (await import('./build-make.ts')).makePackages(session, asked, options);
}

/** See import-package.ts. */
export async function importPackage(
  session: Session,
  source: string,
  options: PackageImportOptions = {},
): Promise<ImportedPackage> {
  return (await import('./import-package.ts')).importPackage(session, source, options);
}

/** See show-recipe.ts. */
export async function showPackage(ctx: Context, asked: string): Promise<PackageReport> {
  return (await import('./show-recipe.ts')).showPackage(ctx, asked);
}

/** See new-recipe.ts, as for the one below. */
export async function newRecipe(ctx: Context, name: string): Promise<string> {
  return (await import('./new-recipe.ts')).newRecipe(ctx, name);
}

export async function tidyRecipe(
  ctx: Context,
  asked: string,
  options: { check?: boolean | undefined } = {},
): Promise<boolean> {
  return (await import('./new-recipe.ts')).tidyRecipe(ctx, asked, options);
}

/** See sign-packages.ts. */
export async function signPackages(
  ctx: Context,
  asked: readonly string[],
  signing: { key: string; password: () => Promise<string> },
): Promise<string[]> {
  return (await import('./sign-packages.ts')).signPackages(ctx, asked, signing);
}
