import { NanolinError } from '../error/index.ts';
import { findLayer, showFiles } from '../layer/index.ts';
import { currentGeneration } from '../stack/index.ts';
import type { Context } from '../state/index.ts';
import { nameOf, type PackageName } from './install.ts';
import { packageRecords, storedPackages } from './install-records.ts';
import { readSources } from './install-source.ts';
import { newestFirst } from './universe.ts';

/** The shape of `package list --json`. */
export interface InstalledPackage extends PackageName {
  readonly image: string;
  /** False for what came because another needs it. */
  readonly asked: boolean;
  /** Is its layer on the running stack? */
  readonly on: boolean;
}

/** The shape of `package search --json`. */
export interface FoundPackage extends PackageName {
  readonly comment: string;
  /** In the layer store, so that no source is needed to install it. */
  readonly stored: boolean;
}

/** Installed packages by name, those whose layer is off among them. */
export async function listPackages(ctx: Context): Promise<InstalledPackage[]> {
  const { packages } = packageRecords(ctx).read();
  const stored = new Map((await storedPackages(ctx, packages)).map(one => [one.layer.image, one]));
  const images = new Set(currentGeneration(ctx).layers.map(({ image }) => image));
  return packages
    .flatMap(({ image, asked }) => {
      const one = stored.get(image);
      return one ? { ...nameOf(one), image, asked, on: images.has(image) } : [];
    })
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Absolute paths of what an installed package holds. Throws layer-missing. */
export async function packageFiles(ctx: Context, name: string): Promise<string[]> {
  const record = packageRecords(ctx)
    .read()
    .packages.find(each => each.name === name);
  if (record === undefined)
    throw new NanolinError(
      'layer-missing',
      `${name} is not installed`,
      `\`nanolin package list\` shows what is; \`nanolin layer files ${name}\` looks in the store`,
    );
  return showFiles(ctx, await findLayer(ctx, record.image));
}

/** Packages of the store and of the sources whose name, summary or PROVIDE holds the text; by name, newest first. */
export async function searchPackages(
  ctx: Context,
  text: string,
  from: readonly string[] = [],
): Promise<FoundPackage[]> {
  const stored = await storedPackages(ctx, packageRecords(ctx).read().packages);
  const known = new Set(stored.map(({ layer }) => layer.image));
  const { offers } = readSources(ctx, from);
  const fresh = offers.filter(({ name, version, stamp }) => !known.has(`${name}-v${version}-${stamp}.img`));
  const wanted = text.toLowerCase();
  return [...stored, ...fresh]
    .filter(({ name, comment, provides }) =>
      [name, comment, ...provides.map(as => as.name)].some(said => said.toLowerCase().includes(wanted)),
    )
    .sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : newestFirst(a, b)))
    .map(one => ({ ...nameOf(one), comment: one.comment, stored: 'layer' in one }));
}
