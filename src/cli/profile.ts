import type { ProfileReport, ProfileSummary } from '../index.ts';
import { type Command, one, value } from './command.ts';
import { type Block, type Piece, styled } from './paper.ts';
import { milliseconds, switched } from './report.ts';
import { switching, switchOptions } from './switching.ts';

const nameWord = { name: 'NAME', names: 'profile', about: 'name of a profile' } as const;

const list: Command = {
  verb: ['profile', 'list'],
  about: 'the profiles, and which one is in use',
  words: [],
  flags: {},
  example: 'nanolin profile list',
  async run(_request, bench) {
    const profiles = await (await bench.open()).profile.list();
    return {
      json: profiles,
      text:
        profiles.length === 0
          ? [['no profiles yet: `nanolin profile new` makes one']]
          : [{ rows: profiles.map(row) }],
    };
  },
};

const row = ({ name, comment, active, error }: ProfileSummary): Piece[] => [
  active ? styled('good', '*') : ' ',
  styled('strong', name),
  error === null ? comment : styled('bad', error),
];

const show: Command = {
  verb: ['profile', 'show'],
  about: 'what a profile comes to: imports resolved, versions chosen',
  words: [nameWord],
  flags: {},
  example: 'nanolin profile show web',
  async run(request, bench) {
    const report = await (await bench.open()).profile.show(one(request, 'NAME'));
    return { json: report, text: describe(report) };
  },
};

const check: Command = {
  verb: ['profile', 'check'],
  about: 'can this profile be switched to; exit 3 when not, with what is in the way',
  words: [nameWord],
  flags: {},
  example: 'nanolin profile check web',
  async run(request, bench) {
    const report = await (await bench.open()).profile.check(one(request, 'NAME'));
    const sound = report.problems.length === 0;
    return {
      json: report,
      text: sound
        ? [[styled('good', 'sound'), ` ${report.name}: ${report.layers.length} layers`]]
        : problems(report),
      exit: sound ? 0 : 3,
    };
  },
};

const describe = (report: ProfileReport): Block[] => [
  {
    rows: [
      [styled('dim', 'profile'), styled('strong', report.name)],
      [styled('dim', 'comment'), report.comment],
      [styled('dim', 'imports'), report.imports.join(' ') || '-'],
      [styled('dim', 'writing'), report.writing],
      [
        styled('dim', 'healthy'),
        report.healthy ? `checked within ${milliseconds(report.healthy.timeoutMs)}` : 'not checked',
      ],
      [styled('dim', 'scripts'), Object.keys(report.scripts).join(' ') || '-'],
    ],
  },
  ...report.targets.map(
    ({ path, base, from }): Block => [styled('strong', path), ` base=${base} from=/${from}`],
  ),
  {
    rows: report.layers.map(({ query, name, version, image }) => [
      `  ${name}`,
      version ?? styled('bad', 'missing'),
      styled('dim', image ?? query),
    ]),
  },
  ...problems(report),
];

const problems = ({ problems: list }: ProfileReport): Block[] =>
  list.flatMap(({ code, message, hint }) => [
    [styled('bad', 'problem'), ` ${message} (${code})`],
    ...(hint === null ? [] : [[`  hint: ${hint}`]]),
  ]);

const creation: Command = {
  verb: ['profile', 'new'],
  about: 'write the skeleton of a profile, with comments',
  words: [{ ...nameWord, about: 'name of the new profile' }],
  flags: {
    targets: { value: 'PATHS', names: 'file', about: 'directories it is mounted on, with commas between' },
    enables: { value: 'LAYERS', names: 'layer', about: 'layers, bottom first, with commas between' },
    imports: { value: 'PROFILES', names: 'profile', about: 'profiles it starts from, with commas between' },
  },
  example: 'nanolin profile new web --targets /usr --enables openssl,nginx',
  async run(request, bench) {
    const lists = Object.fromEntries(
      Object.keys(creation.flags).flatMap(flag => {
        const given = value(request, flag)?.split(',').filter(Boolean);
        return given ? [[flag, given]] : [];
      }),
    );
    const name = one(request, 'NAME');
    const file = await (await bench.open()).profile.create(name, lists);
    return { json: { name, file }, text: [[styled('good', 'written'), ` ${file}`]], summary: true };
  },
};

const diff: Command = {
  verb: ['profile', 'diff'],
  about: 'the layers and targets in which two profiles differ',
  words: [
    { ...nameWord, name: 'A' },
    { ...nameWord, name: 'B' },
  ],
  flags: {},
  example: 'nanolin profile diff base web',
  async run(request, bench) {
    const result = await (await bench.open()).profile.diff(one(request, 'A'), one(request, 'B'));
    const rows = [
      ...result.targets.removed.map(path => [styled('bad', '-'), 'target', path]),
      ...result.targets.added.map(path => [styled('good', '+'), 'target', path]),
      ...result.removed.map(layer => [styled('bad', '-'), 'layer', layer]),
      ...result.added.map(layer => [styled('good', '+'), 'layer', layer]),
      ...result.moved.map(layer => [styled('warn', '~'), 'moved', layer]),
    ];
    return { json: result, text: rows.length === 0 ? [['the same']] : [{ rows }] };
  },
};

const switchTo: Command = {
  verb: ['profile', 'switch'],
  about: 'replace the running stack by a profile, or bring the last generation back after a reboot',
  words: [{ ...nameWord, optional: true }],
  flags: { restore: { about: 'the last committed generation instead of NAME' }, ...switching },
  example: 'nanolin profile switch web',
  check({ words, flags }) {
    if (words.NAME && flags.restore) return 'NAME and --restore exclude each other';
    return words.NAME || flags.restore ? undefined : 'NAME is missing';
  },
  async run(request, bench) {
    const { profile } = await bench.open();
    const options = switchOptions(request);
    const result = request.flags.restore
      ? profile.restore(options)
      : profile.switch(one(request, 'NAME'), options);
    return switched(await result, request.flags.restore ? 'restored' : 'switched');
  },
};

export const profileCommands: readonly Command[] = [list, show, creation, check, diff, switchTo];
