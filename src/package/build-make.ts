import { appendFileSync, chmodSync, copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NanolinError } from '../error/index.ts';
import {
  type Directive,
  formatStamp,
  imageStem,
  parseStamp,
  printRecipe,
  type Recipe,
} from '../formats/index.ts';
import { type LayerRecord, listLayers, loadMaking, type Sealed } from '../layer/index.ts';
import { type Session, writing } from '../profile/index.ts';
import { type Context, replaceFile } from '../state/index.ts';
import { signFiles } from '../trust/index.ts';
import { firstDifference } from './build-compare.ts';
import { inOrder } from './build-order.ts';
import { type BuildInputs, buildInSandbox, gatherSources, inputDigest, keepFolder } from './build-package.ts';
import type { Sandbox } from './build-sandbox.ts';
import { findNeeds, type Needs } from './build-tooling.ts';
import { gatherTree } from './build-tree.ts';
import { judgePackage } from './judge-package.ts';
import { type RecipeFile, readRecipeFile } from './recipe-file.ts';
import type { Made, MakeOptions } from './types.ts';

/**
 * Builds packages from recipes, and before them the recipes beside that they need. Each is stored as a layer with its recipe; with `out` the
 * files are written there too. A build holds no lock: it waits for the writer's only to store. Returns all that was built, needs first.
 */
export async function makePackages(
  session: Session,
  asked: readonly string[],
  options: MakeOptions = {},
): Promise<Made[]> {
  const { ctx } = session;
  const tree = await collect(
    ctx,
    asked.map(one => readRecipeFile(ctx, one)),
  );
  const made = new Map<string, Made>();
  const records = new Map<string, LayerRecord>();
  const wanted = new Set(tree.asked);
  const graph = new Map(
    [...tree.needs].map(([name, { recipes }]) => [name, recipes.map(one => one.package.name)]),
  );
  const atOnce = options.shell ? 1 : availableParallelism();
  await inOrder(graph, atOnce, async name => {
    const file = tree.files.get(name) as RecipeFile;
    const layers = layersFor(name, tree.needs, records);
    const job = new Job(session, file, layers, wanted.has(name) ? options : { ...options, check: false });
    const { record, result } = await job.run(wanted.has(name));
    records.set(name, record);
    made.set(name, { ...result, notes: [...(tree.needs.get(name)?.notes ?? []), ...result.notes] });
  });
  return [...made.values()];
}

interface Collected {
  readonly asked: readonly string[];
  readonly files: ReadonlyMap<string, RecipeFile>;
  readonly needs: ReadonlyMap<string, Needs>;
}

async function collect(ctx: Context, asked: readonly RecipeFile[]): Promise<Collected> {
  const files = new Map<string, RecipeFile>();
  const needs = new Map<string, Needs>();
  const queue = [...asked];
  for (let file = queue.pop(); file; file = queue.pop()) {
    const { name } = file.package;
    const known = files.get(name);
    if (known?.path === file.path) continue;
    if (known)
      throw new NanolinError(
        'usage',
        `${known.path} and ${file.path} are both ${name}`,
        'build them one after the other',
      );
    files.set(name, file);
    const found = await findNeeds(ctx, file);
    needs.set(name, found);
    queue.push(...found.recipes);
  }
  return { asked: asked.map(file => file.package.name), files, needs };
}

/** What lies below a build, topmost first: its needs, and what these need. */
function layersFor(
  name: string,
  needs: ReadonlyMap<string, Needs>,
  records: ReadonlyMap<string, LayerRecord>,
): LayerRecord[] {
  const found = new Map<string, LayerRecord>();
  const seen = new Set<string>();
  const queue = [name];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
    if (seen.has(next)) continue;
    seen.add(next);
    const record = records.get(next);
    if (record && next !== name) found.set(record.image, record);
    for (const layer of needs.get(next)?.layers ?? []) found.set(layer.image, layer);
    queue.push(...(needs.get(next)?.recipes ?? []).map(file => file.package.name));
  }
  return [...found.values()];
}

/** What one recipe becomes. */
class Job {
  readonly session: Session;
  readonly file: RecipeFile;
  readonly layers: readonly LayerRecord[];
  readonly options: MakeOptions;
  readonly log: string;

  constructor(session: Session, file: RecipeFile, layers: readonly LayerRecord[], options: MakeOptions) {
    this.session = session;
    this.file = file;
    this.layers = layers;
    this.options = options;
    const directory = join(session.ctx.paths.state, 'logs');
    mkdirSync(directory, { recursive: true, mode: 0o755 });
    this.log = join(directory, `${file.package.name}-v${file.package.version}.log`);
  }

  async run(always: boolean): Promise<{ record: LayerRecord; result: Made }> {
    const { ctx } = this.session;
    const { name, version, stamp: dated } = this.file.package;
    const format = this.options.format ?? 'erofs';
    const sources = await gatherSources(ctx, this.file, this.options);
    const stamp = dated ?? formatStamp(epochOr(ctx.now()));
    const inputs: BuildInputs = { file: this.file, sources, layers: this.layers, stamp };
    const digest = inputDigest({ ...inputs, stamp: dated ?? '' }, format);
    const pins = this.pins(sources);
    if (!always) {
      const { findReusable } = await loadMaking();
      const known = await findReusable(ctx, digest, { name, version, format });
      if (known) return this.finish(known, { built: false, reproducible: null, notes: [], pins });
    }
    writeFileSync(this.log, '');
    appendFileSync(this.log, `${name} ${version} ${stamp}\n`);
    using one = await buildInSandbox(ctx, inputs, this.options, this.log);
    using two = this.options.check ? await buildInSandbox(ctx, inputs, this.options, this.log) : null;
    const notes: string[] = [];
    if (this.options.keep) notes.push(`the build folder is in ${await keepFolder(ctx, one, name)}`);
    const record = await locked(this.session, `storing ${name}`, () =>
      this.store({ inputs, format, digest, one, two, notes }),
    );
    return this.finish(record, { built: true, reproducible: two ? true : null, notes, pins });
  }

  async store(build: {
    inputs: BuildInputs;
    format: 'erofs' | 'squashfs';
    digest: string;
    one: Sandbox;
    two: Sandbox | null;
    notes: string[];
  }): Promise<LayerRecord> {
    const { ctx } = this.session;
    const making = await loadMaking();
    const work = making.openWork(ctx);
    const second = making.openWork(ctx);
    try {
      const first = await this.seal(build.one, work, build.inputs.stamp, build.format);
      build.notes.push(...first.notes);
      if (build.two) {
        const again = await this.seal(build.two, second, build.inputs.stamp, build.format);
        const difference = firstDifference(first, again);
        if (difference !== null)
          throw new NanolinError(
            'refused',
            `${this.file.path}: two builds differ: ${difference}`,
            'what differs comes from the clock, from random numbers or from the order of files: SOURCE_DATE_EPOCH is set for the build',
          );
      }
      const known = (await listLayers(ctx)).find(({ image }) => image === first.sealed.image);
      if (known?.digest === first.sealed.digest) return known;
      if (known)
        throw new NanolinError(
          'layer-exists',
          `${known.image} is in the store already, with other content`,
          'raise VERSION or PKGDATE, or remove the old one: nanolin layer remove',
        );
      const record = making.storeSealed(ctx, work, first.sealed, {
        origin: `recipe:${this.file.path}`,
        source: build.digest,
      });
      storeRecipe(ctx, record, dated(this.file.recipe, record.stamp));
      return record;
    } finally {
      await making.closeWork(ctx, work);
      await making.closeWork(ctx, second);
    }
  }

  async seal(
    sandbox: Sandbox,
    work: string,
    stamp: string,
    format: 'erofs' | 'squashfs',
  ): Promise<{ sealed: Sealed; tree: string; notes: readonly string[] }> {
    const { ctx } = this.session;
    const { walkTree, sealTree } = await loadMaking();
    const { name, version, permits } = this.file.package;
    const { tree, notes } = await gatherTree(ctx, sandbox.place, work, this.file.path);
    const entries = await walkTree(ctx, tree, this.file.path);
    const findings = judgePackage(entries, new Set(permits));
    if (findings.length > 0)
      throw new NanolinError(
        'refused',
        `${this.file.path}: an application may not bring ${findings.map(({ path, why }) => `${path} (${why})`).join(', ')}`,
        `leave it out, or say in the recipe: PERMITS ${[...new Set(findings.map(({ rule }) => rule))].join(' ')}`,
      );
    return {
      sealed: await sealTree(ctx, work, tree, { name, version, stamp, entries, format }),
      tree,
      notes,
    };
  }

  async finish(
    record: LayerRecord,
    { built, reproducible, notes, pins }: Pick<Made, 'built' | 'reproducible' | 'notes' | 'pins'>,
  ): Promise<{ record: LayerRecord; result: Made }> {
    const { ctx } = this.session;
    const { out, key, password } = this.options;
    const stem = imageStem(record);
    const written: string[] = [];
    if (out !== undefined) written.push(...writeOut(ctx, this.file.recipe, record, out));
    if (key !== undefined) {
      const stems = [join(ctx.paths.layers, stem), ...(out === undefined ? [] : [join(out, stem)])];
      await signFiles(ctx, stems, { key, password: password ?? noPassword });
      if (out !== undefined) written.push(join(out, `${stem}.sig`));
    }
    const { name, version, stamp, image, format, size, digest, files } = record;
    return {
      record,
      result: {
        ...{ name, version, stamp, image, format, size, digest, files, recipe: this.file.path },
        ...{ built, reproducible, out: written, log: this.log, notes, pins },
      },
    };
  }

  pins(sources: readonly { name: string; sha256: string }[]): Made['pins'] {
    return this.file.package.folder.flatMap(item => {
      if (item.do !== 'get' || item.sha256 !== null) return [];
      const sha256 = sources.find(({ name }) => name === item.as)?.sha256;
      return sha256 === undefined ? [] : [{ url: item.url, sha256 }];
    });
  }
}

/** The recipe lies beside its image: what a package needs is read there. */
export function storeRecipe(ctx: Context, record: LayerRecord, text: string): string {
  const path = join(ctx.paths.layers, `${imageStem(record)}.rcp`);
  replaceFile(path, text);
  chmodSync(path, 0o444);
  return path;
}

/** Copies a stored package to a directory: recipe, image and manifest under one stem. */
export function writeOut(ctx: Context, recipe: Recipe, record: LayerRecord, out: string): string[] {
  mkdirSync(out, { recursive: true });
  const stem = imageStem(record);
  const written = ['.img', '.lst'].map(suffix => {
    const to = join(out, `${stem}${suffix}`);
    copyFileSync(join(ctx.paths.layers, `${stem}${suffix}`), to);
    chmodSync(to, 0o644);
    return to;
  });
  const path = join(out, `${stem}.rcp`);
  writeFileSync(path, dated(recipe, record.stamp));
  chmodSync(path, 0o644);
  return [...written, path];
}

/** The recipe with the stamp of its image in it, so that making it again gives the same bytes on another day. */
function dated(recipe: Recipe, stamp: string): string {
  if (recipe.directives.some(({ canonical }) => ['PKGDATE', 'DISTGEN'].includes(canonical)))
    return printRecipe(recipe);
  const date: Directive = {
    keyword: 'PKGDATE',
    canonical: 'PKGDATE',
    value: (parseStamp(stamp)?.time ?? new Date(0)).toISOString().replace('.000Z', 'Z'),
    body: null,
    line: 0,
    column: 0,
    layout: { before: '', gap: ' ', after: '', tabbed: [] },
  };
  const at = recipe.directives.findIndex(({ canonical }) => canonical === 'VERSION') + 1;
  return printRecipe({ ...recipe, directives: recipe.directives.toSpliced(at, 0, date) });
}

/** reproducible-builds.org's SOURCE_DATE_EPOCH, where whoever builds sets it. */
function epochOr(now: Date): Date {
  const epoch = process.env.SOURCE_DATE_EPOCH;
  return epoch !== undefined && /^\d{1,10}$/.test(epoch) ? new Date(Number(epoch) * 1000) : now;
}

const noPassword = (): Promise<string> => {
  throw new NanolinError('usage', 'the key has a pass-phrase, and nobody is there to ask');
};

const patience = 600_000;
let queue: Promise<unknown> = Promise.resolve();

/** Builds of this process store one after the other; another process's command is waited for, an hour's build is not thrown away. */
async function locked<T>(session: Session, what: string, body: () => Promise<T>): Promise<T> {
  const turn = queue.then(async () => {
    for (
      const until = performance.now() + patience;
      ;
      await sleep(250, undefined, { signal: session.ctx.signal })
    ) {
      try {
        return await writing(session, what, body);
      } catch (error) {
        if (!(error instanceof NanolinError) || error.code !== 'busy' || performance.now() > until)
          throw error;
      }
    }
  });
  queue = turn.catch(() => {});
  return turn;
}
