import type { PackageChange } from '../index.ts';
import { type Command, type Flags, many, one, type Request, value } from './command.ts';
import { type Block, type Piece, type Style, styled } from './paper.ts';
import { switched } from './report.ts';
import { switching, switchOptions } from './switching.ts';

const sources: Flags = {
  from: {
    value: 'DIRS',
    names: 'file',
    about:
      'directories of packages, with commas between; the store always counts. Of a name in several the first has the say',
  },
};

const planning: Flags = { 'dry-run': { about: 'print what would change, and stop' } };

const { writers, reason } = switching as { writers: Flags[string]; reason: Flags[string] };

const list = (request: Request, flag: string) => value(request, flag)?.split(',').filter(Boolean) ?? [];

const install: Command = {
  verb: ['package', 'install'],
  about:
    'install packages and what they need onto the running stack, in one generation; where none is on, onto profile `system` (made for /usr)',
  words: [
    {
      name: 'PACKAGE',
      many: true,
      names: 'file',
      about: 'name, name=1.2, name>=1.2, or the path of NAME-vVERSION-STAMP.img',
    },
  ],
  flags: {
    ...sources,
    cross: {
      value: 'NAMES',
      about:
        'packages that may provide, replace or be what another source has the name of; with commas between',
    },
    unsigned: { about: 'take images in that nobody signed' },
    permit: {
      value: 'RULES',
      about: 'what a package may bring whose recipe says PERMITS, setuid for example; with commas between',
    },
    ...planning,
    writers,
    reason,
  },
  example: 'nanolin package install greet --from ./out',
  async run(request, bench) {
    const cross = list(request, 'cross');
    const permits = list(request, 'permit');
    const result = await (await bench.open()).package.install(many(request, 'PACKAGE'), {
      from: list(request, 'from'),
      ...(cross.length > 0 && { cross }),
      ...(request.flags.unsigned && { unsigned: true }),
      ...(permits.length > 0 && { permits }),
      ...common(request),
    });
    return changed(result, request, 'installed', 'already installed');
  },
};

const remove: Command = {
  verb: ['package', 'remove'],
  about:
    'take packages off the running stack; their images stay in the store for a rollback, `layer remove` deletes them',
  words: [{ name: 'PACKAGE', many: true, names: 'layer', about: 'name of an installed package' }],
  flags: {
    cascade: { about: 'also what needs them' },
    autoremove: { about: 'also what was installed for another and is needed by nothing any more' },
    ...planning,
    writers,
    reason,
  },
  example: 'nanolin package remove greet --autoremove',
  async run(request, bench) {
    const nanolin = await bench.open();
    const chosen = {
      ...(request.flags.cascade && { cascade: true }),
      ...(request.flags.autoremove && { autoremove: true }),
    };
    const names = many(request, 'PACKAGE');
    return changed(
      await nanolin.package.remove(names, { ...chosen, ...common(request) }),
      request,
      'removed',
      'forgotten: it was off',
    );
  },
};

function common(request: Request) {
  const { writers: how, reason: why } = switchOptions(request);
  return {
    ...(request.flags['dry-run'] && { dryRun: true }),
    ...(how && { writers: how }),
    ...(why && { reason: why }),
  };
}

function changed(result: PackageChange, request: Request, verb: string, nothing: string) {
  const plan: Block[] = [
    {
      rows: [
        ...result.drop.map(each => row('-', 'bad', each)),
        ...result.add.map(each => row('+', 'good', each)),
        ...result.unneeded.map(each => row('needed by nothing:', 'warn', each)),
      ],
    },
    ...result.doubts.map((text): Block => [styled('warn', 'passed over'), ` ${text}`]),
  ];
  if (result.switched === null)
    return {
      json: result,
      text: [...plan, ...(request.flags['dry-run'] ? [] : [[nothing]])],
      ...(!request.flags['dry-run'] && { summary: true as const }),
    };
  const { text, exit } = switched(result.switched, verb);
  return {
    json: result,
    text: [...plan, ...text],
    summary: true as const,
    ...(exit !== undefined && { exit }),
  };
}

const row = (sign: string, style: Style, each: PackageChange['add'][number]): Piece[] => [
  styled(style, sign),
  each.name,
  each.version,
  styled('dim', each.source),
];

const listing: Command = {
  verb: ['package', 'list'],
  about: 'the installed packages; `off` are those whose layer is not on the running stack',
  words: [],
  flags: {},
  example: 'nanolin package list',
  async run(_request, bench) {
    const packages = await (await bench.open()).package.list();
    return {
      json: packages,
      text:
        packages.length === 0
          ? [['no packages yet: `nanolin package install` brings them']]
          : [
              {
                head: ['package', 'version', 'state', 'came', 'source'],
                rows: packages.map(({ name, version, on, asked, source }) => [
                  styled('strong', name),
                  version,
                  on ? styled('good', 'on') : styled('dim', 'off'),
                  asked ? 'by name' : 'as needed',
                  styled('dim', source),
                ]),
              },
            ],
    };
  },
};

const files: Command = {
  verb: ['package', 'files'],
  about: 'the paths in an installed package',
  words: [{ name: 'PACKAGE', names: 'layer', about: 'name of an installed package' }],
  flags: {},
  example: 'nanolin package files greet',
  async run(request, bench) {
    const paths = await (await bench.open()).package.files(one(request, 'PACKAGE'));
    return { json: paths, text: paths.map(path => [path]) };
  },
};

const search: Command = {
  verb: ['package', 'search'],
  about: 'packages of the store and of directories, by name, summary and what they provide',
  words: [{ name: 'TEXT', about: 'part of any of these' }],
  flags: sources,
  example: 'nanolin package search json --from ./out',
  async run(request, bench) {
    const found = await (await bench.open()).package.search(one(request, 'TEXT'), {
      from: list(request, 'from'),
    });
    return {
      json: found,
      text: [
        {
          rows: found.map(({ name, version, comment, source, stored }) => [
            styled('strong', name),
            version,
            stored ? 'stored' : '',
            comment,
            styled('dim', source),
          ]),
        },
      ],
      exit: found.length === 0 ? 4 : 0,
    };
  },
};

export const packageInstallCommands: readonly Command[] = [install, remove, listing, files, search];
