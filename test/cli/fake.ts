import { run } from '../../src/cli/run.ts';
import type { World } from '../../src/cli/world.ts';
import type {
  ImportedPackage,
  KeyOffer,
  KeyReport,
  Made,
  Nanolin,
  OpenOptions,
  PackageChange,
  PackageReport,
  PathOwner,
  Plan,
  ProfileReport,
  Status,
} from '../../src/index.ts';
import type { Layer } from '../../src/layer/types.ts';
import type { Generation, SwitchResult } from '../../src/stack/types.ts';

export const switchResult: SwitchResult = {
  profile: 'web',
  generation: 4,
  previous: 3,
  changed: true,
  gap: false,
  ms: { plan: 1.5, prepare: 2.25, swap: 0.13, total: 4 },
  paths: { added: 10, removed: 2, changed: 1 },
  leftOut: [],
  holders: [],
  namespaces: [],
  writers: [],
  rolledBack: null,
  ways: { attach: 'file-backed', place: 'beneath' },
};

export const status: Status = {
  profile: 'web',
  generation: 4,
  health: 'ok',
  backend: 'kernel',
  targets: [
    {
      path: '/usr',
      writing: 'none',
      mounted: true,
      layers: [
        { name: 'jq', version: '1.6', stamp: 'r26.11-G22095100', image: 'jq-v1.6-r26.11-G22095100.img' },
      ],
    },
  ],
  leftOut: [],
  holders: [],
  namespaces: [],
  recovery: [],
};

const about = {
  name: 'jq',
  version: '1.6',
  stamp: 'r26.11-G22095100',
  image: 'jq-v1.6-r26.11-G22095100.img',
  size: 123456,
  digest: 'a'.repeat(64),
  files: 12,
  recipe: '/srv/jq.rcp',
  out: [],
  notes: [],
} as const;

const made: Made = {
  ...about,
  format: 'erofs',
  built: true,
  reproducible: null,
  log: '/var/lib/nanolin/logs/jq-v1.6.log',
  pins: [],
};

const imported: ImportedPackage = { ...about, scripts: ['postinst'], conffiles: [], licenses: [] };

const packageReport: PackageReport = {
  ...{ name: 'jq', version: '1.6', stamp: null, comment: 'json', description: '', license: 'MIT' },
  ...{ contact: [], website: [], provides: [], replaces: [], requires: ['libc6>=2.34'], suggests: [] },
  ...{ tooling: [], permits: [], sources: [], scripts: [], recipe: '/srv/jq.rcp', image: null, doubts: [] },
};

export const layer: Layer = {
  name: 'jq',
  version: '1.6',
  stamp: 'r26.11-G22095100',
  format: 'erofs',
  image: 'jq-v1.6-r26.11-G22095100.img',
  size: 123456,
  digest: 'a'.repeat(64),
  origin: 'deb:jq=1.6',
  trust: 'made',
  files: 17,
};

export const plan: Plan = {
  steps: [{ do: 'attach', layer: 'jq' }, { do: 'beneath' }],
  paths: { appear: ['/usr/bin/jq'], vanish: [], change: [], masked: [], owner: [], masks: [] },
  processes: [],
  namespaces: [],
  leftOut: [],
};

const generation: Generation = {
  number: 4,
  time: '2026-11-22T15:00:00.000Z',
  reason: 'enable jq',
  previous: 3,
  profile: 'web',
  leftOut: [],
  layers: [],
  targets: [],
  writing: 'none',
};

const profileReport: ProfileReport = {
  name: 'web',
  comment: 'nginx',
  imports: ['base'],
  targets: [{ path: '/usr', base: 'keep', from: 'usr' }],
  layers: [{ query: 'jq>=1.5', name: 'jq', version: '1.6', image: 'jq-v1.6-r26.11-G22095100.img' }],
  writing: 'none',
  healthy: null,
  scripts: {},
  problems: [],
};

export const pathOwner: PathOwner = {
  path: '/usr/bin/jq',
  target: '/usr',
  owner: { layer: 'jq', version: '1.6' },
  base: false,
  local: false,
  visible: true,
  shared: [],
  shadowed: [],
  off: [],
  chain: [{ layer: 'jq', version: '1.6', role: 'wins', kind: 'file', by: null }],
  leadsTo: null,
};

export const keyReport: KeyReport = {
  name: 'vendor',
  fingerprint: '0123456789abcdef'.repeat(4),
  number: '0123456789abcdef',
  comment: 'vendor public key',
  trusted: true,
  secret: 'none',
  problem: null,
};

export const keyOffer: KeyOffer = {
  name: 'vendor',
  fingerprint: '0123456789abcdef'.repeat(4),
  number: '0123456789abcdef',
  comment: 'vendor public key',
  trusted: false,
};

const packageChange: PackageChange = {
  add: [{ name: 'jq', version: '1.6', stamp: 'r26.11-G22095100', source: '/srv' }],
  drop: [],
  unneeded: [],
  doubts: [],
  switched: switchResult,
};

/** Answers like the library and writes down what it was asked. */
export function fakeNanolin(calls: unknown[][], overrides: Partial<Nanolin> = {}): Nanolin {
  const answer =
    <Result>(name: string, result: Result) =>
    async (...given: unknown[]): Promise<Result> => {
      calls.push([name, ...given]);
      return result;
    };
  return {
    status: answer('status', status),
    enable: answer('enable', switchResult),
    disable: answer('disable', switchResult),
    swap: answer('swap', switchResult),
    plan: answer('plan', plan),
    history: answer('history', [generation]),
    rollback: answer('rollback', switchResult),
    layer: {
      import: answer('layer.import', [layer]),
      list: answer('layer.list', [layer]),
      show: answer('layer.show', layer),
      files: answer('layer.files', ['usr/bin/jq']),
      verify: answer('layer.verify', [{ layer, ok: true, message: null }]),
      remove: answer('layer.remove', layer),
    },
    profile: {
      list: answer('profile.list', [
        { name: 'web', comment: 'nginx', file: '/x/web.rcp', active: true, error: null },
      ]),
      show: answer('profile.show', profileReport),
      create: answer('profile.create', '/x/web.rcp'),
      check: answer('profile.check', profileReport),
      diff: answer('profile.diff', {
        added: ['jq'],
        removed: [],
        moved: [],
        targets: { added: [], removed: [] },
      }),
      switch: answer('profile.switch', switchResult),
      restore: answer('profile.restore', switchResult),
    },
    key: {
      create: answer('key.create', keyReport),
      list: answer('key.list', [keyReport]),
      show: answer('key.show', keyReport),
      inspect: answer('key.inspect', keyOffer),
      trust: answer('key.trust', keyReport),
    },
    owner: answer('owner', [pathOwner]),
    conflicts: answer('conflicts', { profile: 'web', identical: 2, conflicts: [] }),
    verify: answer('verify', { local: [], layers: [] }),
    package: {
      install: answer('package.install', packageChange),
      remove: answer('package.remove', packageChange),
      list: answer('package.list', [
        { name: 'jq', version: '1.6', stamp: '', source: '/srv', image: 'jq.img', asked: true, on: true },
      ]),
      files: answer('package.files', ['/usr/bin/jq']),
      search: answer('package.search', [
        { name: 'jq', version: '1.6', stamp: '', source: '/srv', comment: 'json', stored: false },
      ]),
      make: answer('package.make', [made]),
      import: answer('package.import', imported),
      show: answer('package.show', packageReport),
      create: answer('package.create', '/etc/nanolin/profiles/packages/jq.rcp'),
      format: answer('package.format', false),
      sign: answer('package.sign', ['/srv/jq.sig']),
    },
    doctor: answer('doctor', {
      kernel: '6.18',
      ok: true,
      checks: [{ what: 'overlay', ok: true, way: 'detached', remedy: null }],
    }),
    keep: answer('keep', undefined),
    close: answer('close', undefined),
    ...overrides,
  };
}

export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly calls: unknown[][];
  readonly opened: OpenOptions | undefined;
}

/** Runs a command line on a fake; `terminal` makes all three streams one. */
export async function cli(
  line: string | readonly string[],
  {
    env = {},
    terminal = false,
    nanolin = {},
    ask = async () => undefined,
    askHidden = async () => undefined,
    input = '',
  }: {
    env?: World['env'];
    terminal?: boolean;
    nanolin?: Partial<Nanolin>;
    ask?: World['ask'];
    askHidden?: World['askHidden'];
    input?: string | Buffer;
  } = {},
): Promise<Ran> {
  const calls: unknown[][] = [];
  const text = { out: '', err: '' };
  let opened: OpenOptions | undefined;
  const sink = (key: 'out' | 'err') => ({
    terminal,
    columns: 80,
    write(more: string) {
      text[key] += more;
    },
  });
  const code = await run(typeof line === 'string' ? line.split(' ').filter(Boolean) : line, {
    env,
    signal: new AbortController().signal,
    stdout: sink('out'),
    stderr: sink('err'),
    ask,
    askHidden,
    input: async () => Buffer.from(input as string),
    open: async options => {
      opened = options;
      return fakeNanolin(calls, nanolin);
    },
  });
  return { code, ...text, calls, opened };
}
