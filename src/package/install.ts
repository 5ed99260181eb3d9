import { rm } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { imageStem, matches, parseImageName, parseQuery, type Relation } from '../formats/index.ts';
import { importLayer, listLayers, removeLayer } from '../layer/index.ts';
import { changeTo, createProfile, type Session, type Wanted, wantedNow, writing } from '../profile/index.ts';
import { currentGeneration, type LayerRef, type SwitchResult, type Writers } from '../stack/index.ts';
import { type Context, replaceFile } from '../state/index.ts';
import { readBase } from './install-base.ts';
import { checkPermits, refuseUnpermitted } from './install-consent.ts';
import { refuseTaken } from './install-paths.ts';
import { type InstallPlan, planInstall } from './install-plan.ts';
import {
  lostPackage,
  type PackageRecord,
  packageRecords,
  recipePlace,
  type Stored,
  storedPackages,
} from './install-records.ts';
import { type Offer, readSources } from './install-source.ts';
import { stackWith } from './install-stack.ts';
import { type Candidate, Universe } from './universe.ts';

export interface InstallOptions {
  /** Directories of packages and single images; what is found in an earlier one wins a name. */
  readonly from?: readonly string[];
  /** Names of packages that may speak for names of other sources. */
  readonly cross?: readonly string[];
  /** Consent to images that nobody signed. */
  readonly unsigned?: boolean;
  /** Rules of `judgePackage` that a package may break whose recipe says that it needs to. */
  readonly permits?: readonly string[];
  readonly dryRun?: boolean;
  readonly writers?: Writers | undefined;
  readonly reason?: string | undefined;
}

/** A package as a plan names it. */
export interface PackageName {
  readonly name: string;
  readonly version: string;
  readonly stamp: string;
  readonly source: string;
}

export interface PackageChange {
  /** What is needed comes before what needs it. */
  readonly add: readonly PackageName[];
  readonly drop: readonly PackageName[];
  /** On for another's sake, and needed by nothing any more. */
  readonly unneeded: readonly PackageName[];
  /** Packages that were passed over, in sentences. */
  readonly doubts: readonly string[];
  /** Null for a dry run, and where nothing had to be done. */
  readonly switched: SwitchResult | null;
}

/** The profile that packages are installed on where none is on. */
export const systemProfile = 'system';

/** Before there is a profile `system`. */
const nothingOn: Wanted = {
  profile: null,
  leftOut: [],
  reason: '',
  layers: [],
  targets: [{ path: '/usr', base: 'keep', from: 'usr' }],
  writing: 'none',
};

/** What a command about packages starts from. */
export interface Facts {
  readonly wanted: Wanted;
  readonly records: readonly PackageRecord[];
  readonly stored: readonly Stored[];
  /** Layers of the running stack, topmost first. */
  readonly on: readonly Stored[];
  readonly auto: ReadonlySet<Candidate>;
  readonly base: readonly Candidate[];
}

/**
 * Installs packages and what they need: brings images in, and puts all of it onto the running stack in one generation. Throws
 * layer-missing, `conflict` (no set of packages fits, or a path is another's), unsigned and all that a switch throws; then the store, the
 * records and the stack are as they were.
 */
export function installPackages(
  session: Session,
  words: readonly string[],
  options: InstallOptions = {},
): Promise<PackageChange> {
  const body = () => install(session, words, options);
  return options.dryRun ? body() : writing(session, `installing ${words.join(' ')}`, body);
}

async function install(
  session: Session,
  words: readonly string[],
  options: InstallOptions,
): Promise<PackageChange> {
  const { ctx } = session;
  const { wants, files } = readWords(words);
  checkPermits(options.permits ?? []);
  ctx.progress({ task: 'resolve', subject: words.join(' ') });
  const facts = await readFacts(session);
  const { offers, doubts } = readSources(ctx, [...files, ...(options.from ?? [])]);
  const universe = universeOf(facts, chosenOffers(offers, files), wants, options.cross ?? []);
  const plan = planInstall(wants, { universe, ...facts });
  const shown = { ...names(plan), doubts };
  const records = recordsAfter(facts, plan, wants, options.cross ?? []);
  if (options.dryRun) return { ...shown, switched: null };
  if (plan.add.length === 0 && plan.drop.length === 0) {
    packageRecords(ctx).write({ packages: records });
    return { ...shown, switched: null };
  }
  const undo: (() => unknown)[] = [];
  try {
    if (facts.wanted === nothingOn) {
      const file = await createProfile(ctx, systemProfile, { targets: ['/usr'] });
      undo.push(() => rm(file));
    }
    const added = new Map<Candidate, LayerRef>();
    for (const candidate of plan.add)
      added.set(candidate, await bring(session, candidate, facts, options, undo));
    for (const layer of added.values()) refuseUnpermitted(ctx, layer, options.permits ?? []);
    const layers = stackWith(facts.on, plan, universe, added);
    checkPaths(session, facts.wanted, layers, plan, universe);
    // Before the switch: a record of a layer that is not on says no more than that, and a layer without one would be nobody's.
    packageRecords(ctx).write({ packages: records });
    undo.push(() => packageRecords(ctx).write({ packages: facts.records }));
    ctx.at('package:recorded');
    const reason = options.reason ?? `package install ${words.join(' ')}`;
    const stack = facts.wanted === nothingOn ? await wantedNow(session, systemProfile) : facts.wanted;
    const wanted = { ...stack, layers: layers.map(({ ref }) => ref), reason };
    // A stack that is degraded already is not held up by what it lacks.
    const strict = currentGeneration(ctx).leftOut.length === 0;
    const switched = await changeTo(session, wanted, { strict, writers: options.writers, reason });
    // The generation that did not hold is in the history, and its images with it.
    if (switched.rolledBack) packageRecords(ctx).write({ packages: facts.records });
    return { ...shown, switched };
  } catch (error) {
    for (const step of undo.reverse()) await step();
    throw error;
  }
}

/** A word is a relation, or the path of an image. */
function readWords(words: readonly string[]): { wants: Relation[]; files: string[] } {
  const files = words.filter(word => word.endsWith('.img'));
  const wants = words.map(word => {
    const image = word.endsWith('.img') ? parseImageName(basename(word)) : null;
    const query = parseQuery(image === null ? word : `${image.name}=${image.version}`);
    if (query.kind === 'name') return query;
    throw new NanolinError(
      'usage',
      `${word} names no package`,
      'give a name, name>=1.2, or the path of NAME-vVERSION-STAMP.img; directories go with --from',
    );
  });
  return { wants, files: files.map(file => resolve(file)) };
}

/** An image that was named itself is the only one of its name. */
function chosenOffers(offers: readonly Offer[], files: readonly string[]): Offer[] {
  const named = offers.slice(0, files.length);
  return offers.filter(offer => named.includes(offer) || named.every(({ name }) => name !== offer.name));
}

/** Reads what is on, installed, stored and below. Where no stack is on it is that of the profile `system`, or would be. */
export async function readFacts(session: Session): Promise<Facts> {
  const { ctx } = session;
  const wanted = await wantedNow(session, systemProfile).catch(error => {
    if (error instanceof NanolinError && error.code === 'profile-missing') return nothingOn;
    throw error;
  });
  const { packages: records } = packageRecords(ctx).read();
  const stored = await storedPackages(ctx, records);
  const on = wanted.layers.map(
    layer => stored.find(({ layer: { image } }) => image === layer.image) ?? lostPackage(layer),
  );
  const came = new Set(records.filter(({ asked }) => !asked).map(({ image }) => image));
  return {
    wanted,
    records,
    stored,
    on,
    auto: new Set(on.filter(({ layer }) => came.has(layer.image))),
    base: wanted.targets.some(({ path, base }) => path === '/usr' && base === 'keep') ? readBase(ctx) : [],
  };
}

function universeOf(
  { on, base, stored, records }: Facts,
  offers: readonly Offer[],
  wants: readonly Relation[],
  cross: readonly string[],
): Universe {
  const rest = new Map<string, Offer | Stored>(stored.map(one => [imageStem(one), one]));
  for (const one of on) rest.delete(imageStem(one));
  // What the sources have comes before what only the store has, as a name is theirs; what both have is not brought in again.
  const offered = new Map(
    offers.map(offer => [imageStem(offer), offerOf(offer, rest.get(imageStem(offer)))]),
  );
  for (const one of on) offered.delete(imageStem(one));
  for (const stem of offered.keys()) rest.delete(stem);
  const agreed = records.filter(({ crossing }) => crossing).map(({ name }) => name);
  return new Universe([...on, ...base, ...offered.values(), ...rest.values()], {
    named: new Map(
      [...offers]
        .reverse()
        .map(({ name, source }) => [name, source] as const)
        .filter(([name]) => wants.some(want => want.name === name)),
    ),
    crossing: new Set([...agreed, ...cross]),
  });
}

function offerOf(offer: Offer, stored: Offer | Stored | undefined): Offer | Stored {
  if (stored === undefined || !('layer' in stored)) return offer;
  const { source } = offer;
  return stored.described ? { ...stored, source } : { ...offer, layer: stored.layer };
}

/** The layer of a package: from the store, or brought in from its source with its recipe beside it. */
async function bring(
  { ctx }: Session,
  candidate: Candidate,
  { stored }: Facts,
  { unsigned }: InstallOptions,
  undo: (() => unknown)[],
): Promise<LayerRef> {
  const { path, recipe, name, version, layer: known } = candidate as Offer & Partial<Stored>;
  if (known !== undefined) {
    if (recipe) replaceFile(recipePlace(ctx, known.image), recipe.toString('utf8'));
    return known;
  }
  undo.push(() => takeOut(ctx, path, stored));
  const [layer] = await importLayer(ctx, path, unsigned ? { unsigned } : {});
  if (layer === undefined) throw new NanolinError('image-invalid', `${path} brought nothing in`);
  if (layer.name !== name || layer.version !== version)
    throw new NanolinError('image-invalid', `${path} came in as ${layer.name} ${layer.version}`);
  if (recipe !== null) replaceFile(recipePlace(ctx, layer.image), recipe.toString('utf8'));
  ctx.at('package:brought');
  return layer;
}

/** The layers that came from this path, however far its import got, but for those that were there before. */
async function takeOut(ctx: Context, path: string, before: readonly Stored[]): Promise<void> {
  const were = new Set(before.map(({ layer }) => layer.image));
  for (const { image, origin } of await listLayers(ctx))
    if (origin === path && !were.has(image)) await removeLayer(ctx, image, { inUse: () => null });
}

function checkPaths(
  { trees }: Session,
  { targets }: Wanted,
  layers: readonly { candidate: Candidate; ref: LayerRef }[],
  { add }: InstallPlan,
  universe: Universe,
): void {
  for (const { path, from } of targets) {
    const present = layers.filter(({ ref }) => trees.holds(ref, from));
    const holders = present.map(({ candidate, ref }) => ({
      candidate,
      name: ref.name,
      version: ref.version,
      tree: trees.tree(ref, from),
      isNew: add.includes(candidate),
    }));
    const replacing = new Map(holders.map(holder => [holder as object, holder.candidate]));
    refuseTaken(holders, path, (above, under) => {
      const candidate = replacing.get(above);
      return candidate !== undefined && universe.replaces(candidate, under.name);
    });
  }
}

function recordsAfter(
  { records, on }: Facts,
  { add, drop }: InstallPlan,
  wants: readonly Relation[],
  cross: readonly string[],
): PackageRecord[] {
  const wanted = (candidate: Candidate) =>
    wants.some(want => matches(want, candidate) || candidate.provides.some(({ name }) => name === want.name));
  const gone = new Set([...drop, ...add].map(({ name }) => name));
  const before = new Map(records.map(record => [record.name, record]));
  const fresh = add.map((candidate): PackageRecord => {
    const { name, source } = candidate;
    const asked = wanted(candidate) || (before.get(name)?.asked ?? false);
    const crossing = cross.includes(name) || (before.get(name)?.crossing ?? false);
    return { name, image: `${imageStem(candidate)}.img`, asked, source, crossing };
  });
  const stays = records
    .filter(({ name }) => !gone.has(name))
    .map(record => (wants.some(({ name }) => name === record.name) ? { ...record, asked: true } : record));
  // A layer that a profile brought becomes a package when it is asked for by name.
  const adopted = on
    .filter(one => wanted(one) && !gone.has(one.name) && !before.has(one.name))
    .map(({ name, layer, source }) => ({ name, image: layer.image, asked: true, source, crossing: false }));
  return [...stays, ...adopted, ...fresh];
}

export const nameOf = ({ name, version, stamp, source }: Candidate): PackageName => ({
  name,
  version,
  stamp,
  source,
});

const names = ({ add, drop, unneeded }: InstallPlan) => ({
  add: add.map(nameOf),
  drop: drop.map(nameOf),
  unneeded: unneeded.map(nameOf),
});
