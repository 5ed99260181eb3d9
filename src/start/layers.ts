import { appendFile, copyFile, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { debianVersion } from '../formats/index.ts';
import type { Nanolin } from '../index.ts';
import { packageLists, type TwoVersions, twoVersions, updateLists } from './packages.ts';
import { aside, count, number, seconds, size, tell } from './page.ts';
import type { Places } from './places.ts';

/** What the story is told with. */
export interface Gathered {
  readonly profiles: readonly string[];
  readonly pair: TwoVersions | null;
}

/** Puts the shipped profiles in place and imports every layer that they name, with what those need. */
export async function gather(nanolin: Nanolin, where: Places): Promise<Gathered> {
  await packageLists();
  const pair = await twoVersions();
  const profiles = await placeProfiles(where);
  await bringLayers(nanolin, profiles, pair);
  await enableDependencies(nanolin, profiles, where);
  return { profiles, pair };
}

async function placeProfiles({ top, root }: Places): Promise<string[]> {
  const directory = join(root, 'etc/nanolin/profiles');
  await mkdir(directory, { recursive: true });
  const files = (await readdir(join(top, 'profiles'))).filter(file => file.endsWith('.rcp')).sort();
  for (const file of files) await copyFile(join(top, 'profiles', file), join(directory, file));
  return files.map(file => file.replace(/\.rcp$/, ''));
}

/** Imports what the profiles name and the store lacks, and both versions of the package that is swapped later. */
async function bringLayers(
  nanolin: Nanolin,
  names: readonly string[],
  pair: TwoVersions | null,
): Promise<void> {
  const kept = (await nanolin.layer.list()).length;
  if (pair)
    for (const version of [pair.newer, pair.older]) {
      const has = (await nanolin.layer.list()).some(
        layer => layer.name === pair.name && layer.version === debianVersion(version),
      );
      if (!has) await bring(nanolin, `deb:${pair.name}=${version}`);
    }
  for (const name of names)
    for (const { image, name: layer } of (await nanolin.profile.check(name)).layers)
      if (image === null && !(await nanolin.layer.list()).some(each => each.name === layer))
        await bring(nanolin, `deb:${layer}`);
  if (kept > 0) aside(`${count(kept, 'layer')} were here from an earlier run`);
}

async function bring(nanolin: Nanolin, source: string): Promise<void> {
  const since = performance.now();
  const before = new Set((await nanolin.layer.list()).map(({ image }) => image));
  const layers = await nanolin.layer.import(source).catch(async thrown => {
    if (!(thrown instanceof NanolinError) || thrown.code === 'cancelled') throw thrown;
    // The archive drops a file when its successor is there: lists that name it are too old.
    aside(`apt-get update: ${thrown.message.split('\n', 1)[0]}`);
    await updateLists();
    return nanolin.layer.import(source);
  });
  tell(`nanolin layer import ${source}  ${seconds(since)}`);
  for (const { name, version, image, size: bytes, files } of layers)
    if (!before.has(image)) aside(`  ${name} ${version}: ${number(files)} entries, ${size(bytes)}`);
}

/**
 * Which dependencies a base lacks differs from machine to machine. Those that came along and that no profile names go
 * into our copy of base, which all others import.
 */
export async function enableDependencies(
  nanolin: Nanolin,
  names: readonly string[],
  { root }: Places,
): Promise<void> {
  const reports = await Promise.all(names.map(name => nanolin.profile.check(name)));
  const named = new Set(reports.flatMap(({ layers }) => layers.map(({ name }) => name)));
  const extra = [...new Set((await nanolin.layer.list()).map(({ name }) => name))].filter(
    name => !named.has(name),
  );
  if (extra.length === 0) return;
  const text = `\n# What this machine lacks of the dependencies.\nENABLES ${extra.join(' ')}\n`;
  await appendFile(join(root, 'etc/nanolin/profiles/base.rcp'), text);
  aside(`this machine also lacks ${extra.join(', ')}: enabled in base`);
}
