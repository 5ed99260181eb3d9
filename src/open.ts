import { release } from 'node:os';
import type { Nanolin, OpenOptions, Plan, Status } from './index.ts';
import { probeKernel } from './kernel/index.ts';
import { findLayer, importLayer, listLayers, removeLayer, showFiles, verifyLayers } from './layer/index.ts';
import { ownProgram } from './own-program.ts';
import {
  importPackage,
  installPackages,
  listPackages,
  makePackages,
  newRecipe,
  packageFiles,
  removePackages,
  searchPackages,
  showPackage,
  signPackages,
  tidyRecipe,
} from './package/index.ts';
import {
  checkProfile,
  conflictsOf,
  createProfile,
  diffProfiles,
  editRunning,
  LayerTrees,
  listProfiles,
  originAt,
  ownersOf,
  type PlannedChange,
  planChange,
  reportProfile,
  resolveNow,
  restore,
  rollBack,
  runningState,
  type Session,
  shownBelow,
  switchProfile,
  verifyStacks,
  whyHeld,
  writing,
} from './profile/index.ts';
import {
  type Backend,
  currentGeneration,
  FuseMounter,
  KernelMounter,
  ownRecord,
  readHistory,
} from './stack/index.ts';
import { type Context, choosePaths, whoAmI } from './state/index.ts';
import { inspectKey, listKeys, newKey, showKey, trustKey } from './trust/index.ts';

/** Opens a nanolin on this machine. Nothing is written or locked until a writing call is made; close gives back what it holds. */
export async function openNanolin(options: OpenOptions = {}): Promise<Nanolin> {
  const ctx = contextOf(options);
  const program = () => options.program ?? ownProgram();
  const session: Session = {
    ctx,
    mounter: (ctx, backend, covering) =>
      backend === 'fuse' ? new FuseMounter(ctx, program(), covering) : new KernelMounter(ctx, covering),
    backend: standing => chosenBackend(options.backend ?? 'auto', standing),
    trees: new LayerTrees(ctx),
  };
  return {
    status: () => status(session),
    enable: (layers, { above, below, ...change } = {}) =>
      editRunning(session, { do: 'enable', layers, above, below }, change),
    disable: (layers, change = {}) => editRunning(session, { do: 'disable', layers }, change),
    swap: (old, replacement, change = {}) => editRunning(session, { do: 'swap', old, replacement }, change),
    plan: async request => planShown(await planChange(session, request)),
    history: async () => readHistory(ctx),
    rollback: (generation, change = {}) => rollBack(session, generation, change),
    layer: {
      import: (source, chosen = {}) =>
        writing(session, `importing ${source}`, () => importLayer(ctx, source, chosen)),
      list: () => listLayers(ctx),
      show: query => findLayer(ctx, query),
      files: async query => showFiles(ctx, await findLayer(ctx, query)),
      verify: queries => verifyLayers(ctx, queries),
      remove: query =>
        writing(session, `removing ${query}`, () =>
          removeLayer(ctx, query, { inUse: image => useOf(ctx, image) }),
        ),
    },
    profile: {
      list: () => listProfiles(ctx, currentGeneration(ctx).profile),
      show: async name => reportProfile(await resolveNow(session, name)),
      create: (name, content = {}) => createProfile(ctx, name, content),
      check: name => checkProfile(session, name),
      diff: async (a, b) => diffProfiles(await resolveNow(session, a), await resolveNow(session, b)),
      switch: (name, change = {}) => switchProfile(session, name, change),
      restore: (change = {}) => restore(session, change),
    },
    package: {
      install: (words, options = {}) => installPackages(session, words, options),
      remove: (names, options = {}) => removePackages(session, names, options),
      list: () => listPackages(ctx),
      files: name => packageFiles(ctx, name),
      search: (text, { from = [] } = {}) => searchPackages(ctx, text, from),
      make: (recipes, options = {}) => makePackages(session, recipes, options),
      import: (source, options = {}) => importPackage(session, source, options),
      show: recipe => showPackage(ctx, recipe),
      create: name => newRecipe(ctx, name),
      format: (recipe, options = {}) => tidyRecipe(ctx, recipe, options),
      sign: (packages, options) => signPackages(ctx, packages, options),
    },
    key: {
      create: (name, options) => writing(session, `making the key ${name}`, () => newKey(ctx, name, options)),
      list: async () => listKeys(ctx),
      show: async name => showKey(ctx, name),
      inspect: async file => inspectKey(ctx, file),
      trust: (file, options) =>
        writing(session, `trusting ${file}`, async () => trustKey(ctx, file, options)),
    },
    owner: (paths, asked = {}) => ownersOf(session, paths, asked),
    conflicts: profile => conflictsOf(session, profile),
    verify: (layers = [], asked = {}) => verifyStacks(session, layers, asked),
    doctor: async () => {
      const checks = probeKernel();
      return { kernel: release(), ok: checks.every(check => check.ok), checks };
    },
    close: async () => {},
  };
}

function contextOf(options: OpenOptions): Context {
  const silent = { debug() {}, info() {}, warn() {} };
  return {
    paths: choosePaths(options, whoAmI()),
    log: options.log ?? silent,
    now: options.now ?? (() => new Date()),
    signal: options.signal ?? new AbortController().signal,
    progress: options.progress ?? (() => {}),
    forced: new Set(options.forced),
    at: options.at ?? (() => {}),
  };
}

/** What was asked for, else what is there already. */
function chosenBackend(asked: 'auto' | Backend, standing: Backend | null): Backend {
  return asked === 'auto' ? (standing ?? 'kernel') : asked;
}

async function status({ ctx, backend: choose }: Session): Promise<Status> {
  const { generation, backend, mounted, holders, namespaces, recovery } = await runningState(ctx);
  return {
    profile: generation.profile,
    generation: generation.number === 0 ? null : generation.number,
    health: generation.leftOut.length === 0 && recovery.length === 0 ? 'ok' : 'degraded',
    backend: backend ?? choose(null),
    targets: generation.targets.map(({ path }) => ({
      path,
      writing: generation.writing,
      mounted: mounted.get(path) !== null,
      layers: generation.layers.map(({ name, version, stamp, image }) => ({ name, version, stamp, image })),
    })),
    leftOut: generation.leftOut,
    holders,
    namespaces,
    recovery,
  };
}

function planShown({ steps, targets, processes, namespaces, leftOut }: PlannedChange): Plan {
  const paths = (kind: 'appear' | 'vanish' | 'change' | 'masked') => [
    ...new Set(
      targets
        .flatMap(({ target, changes }) => changes[kind].map(({ path }) => shownBelow(target, path)))
        .sort(),
    ),
  ];
  return {
    steps: steps.map(step => ({ ...step })),
    paths: {
      appear: paths('appear'),
      vanish: paths('vanish'),
      change: paths('change'),
      masked: paths('masked'),
      owner: targets.flatMap(({ target, changes, old, next }) =>
        changes.owner.map(({ path, from, to }) => ({
          path: shownBelow(target, path),
          from: originAt(old, from ?? -1),
          to: originAt(next, to ?? -1),
        })),
      ),
      masks: targets.flatMap(({ target, changes, next }) =>
        changes.masked.map(({ path, layer, by }) => ({
          path: shownBelow(target, path),
          layer: originAt(next, layer),
          by: originAt(next, by),
        })),
      ),
    },
    processes: processes.map(({ pid, command, generation, unit, holds }) => ({
      pid,
      command,
      why: whyHeld(holds),
      generation,
      unit,
      holds,
    })),
    namespaces,
    leftOut,
  };
}

/** Why an image must stay, or null. */
function useOf(ctx: Context, image: string): string | null {
  const current = currentGeneration(ctx);
  if (current.layers.some(layer => layer.image === image))
    return `it is part of the current generation ${current.number}`;
  return ownRecord(ctx).intent?.to.layers.some(layer => layer.image === image)
    ? 'a switch to it is under way'
    : null;
}
