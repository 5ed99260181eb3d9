import type { ImportedPackage, Made, PackageReport } from '../index.ts';
import { type Bench, type Command, type Flags, many, one, type Request, value } from './command.ts';
import { type Block, styled } from './paper.ts';
import { checkPassword, passwordFlags, readPassword } from './password.ts';
import { bytes } from './report.ts';

const recipeWord = {
  name: 'RECIPE',
  names: 'file',
  about: 'path of a recipe, or NAME for packages/NAME.rcp beside the profiles',
} as const;

const format: Flags = {
  format: { value: 'F', choices: ['erofs', 'squashfs'], about: 'file system of the image; default erofs' },
};

const out: Flags = {
  out: { value: 'DIR', names: 'file', about: 'write recipe, image and manifest there too' },
};

const creation: Command = {
  verb: ['package', 'new'],
  about: 'write the skeleton of a recipe',
  words: [{ name: 'NAME', about: 'name of the package, or a path that ends in NAME.rcp' }],
  flags: {},
  example: 'nanolin package new greet',
  async run(request, bench) {
    const file = await (await bench.open()).package.create(one(request, 'NAME'));
    return { json: { file }, text: [[styled('good', 'written'), ` ${file}`]], summary: true };
  },
};

const make: Command = {
  verb: ['package', 'make'],
  about: 'build packages from recipes, in a sandbox, and store them',
  words: [{ ...recipeWord, many: true }],
  flags: {
    ...out,
    key: { value: 'NAME', about: 'sign with this key' },
    ...format,
    check: { about: 'build twice and show the first difference; exit 3 when there is one' },
    keep: { about: 'leave the build folder in var/lib/nanolin/builds/NAME' },
    shell: { about: 'open a shell where a stage fails; when it ends with 0 the stage is run again' },
    'allow-unpinned': { about: 'fetch sources that have no sha256=, and print the hash to pin' },
    'allow-files': { about: 'take file: sources from outside of the directory of the recipe' },
    ...passwordFlags,
  },
  example: 'nanolin package make ./greet.rcp --out packages --key release',
  check: checkPassword,
  async run(request, bench) {
    const nanolin = await bench.open();
    const [directory, key, format] = ['out', 'key', 'format'].map(flag => value(request, flag));
    const made = await nanolin.package.make(many(request, 'RECIPE'), {
      ...(directory && { out: directory }),
      ...(key && { key, password: asked(request, bench, key) }),
      ...(format && { format: format as 'erofs' | 'squashfs' }),
      check: request.flags.check === true,
      keep: request.flags.keep === true,
      shell: request.flags.shell === true,
      allowUnpinned: request.flags['allow-unpinned'] === true,
      allowFiles: request.flags['allow-files'] === true,
    });
    return { json: made, text: made.flatMap(madeText), summary: true };
  },
};

const asked = (request: Request, bench: Bench, key: string) => () =>
  readPassword(request, bench, { of: key });

const madeText = ({ name, version, image, size, files, built, reproducible, notes, pins }: Made): Block[] => [
  [
    styled('good', built ? 'made' : 'known'),
    ` ${name} ${version}: ${image}, ${bytes(size)}, ${files} entries`,
    reproducible ? ', the same bytes twice' : '',
  ],
  ...pins.map(({ url, sha256 }): Block => [styled('warn', 'pin'), ` GETFILE ${url} sha256=${sha256}`]),
  ...notes.map((note): Block => [styled('dim', 'note'), ` ${note}`]),
];

const importing: Command = {
  verb: ['package', 'import'],
  about: 'make a package, recipe and image, of a .deb, an archive, a directory or an OCI layout',
  words: [
    {
      name: 'SOURCE',
      names: 'file',
      about: '.deb, deb:NAME[=VERSION], .tar[.gz|.zst], directory, OCI layout',
    },
  ],
  flags: {
    name: { value: 'N', about: 'name of the package; by default what the source says' },
    version: { value: 'V', about: 'version of the package; by default what the source says' },
    permit: {
      value: 'RULES',
      about: 'take what an application may not bring: setuid, device, ..., with commas between',
    },
    ...format,
    ...out,
  },
  example: 'nanolin package import ./jq_1.6-2_amd64.deb --out packages',
  async run(request, bench) {
    const [name, version, format, directory] = ['name', 'version', 'format', 'out'].map(flag =>
      value(request, flag),
    );
    const permits = value(request, 'permit')?.split(',').filter(Boolean);
    const result = await (await bench.open()).package.import(one(request, 'SOURCE'), {
      ...(name && { name }),
      ...(version && { version }),
      ...(format && { format: format as 'erofs' | 'squashfs' }),
      ...(directory && { out: directory }),
      ...(permits && { permits }),
    });
    return { json: result, text: importedText(result), summary: true };
  },
};

const importedText = (it: ImportedPackage): Block[] => [
  [
    styled('good', 'imported'),
    ` ${it.name} ${it.version}: ${it.image}, ${bytes(it.size)}, ${it.files} entries`,
  ],
  { rows: it.licenses.map(({ path, license }) => [styled('dim', 'licence'), license, `/${path}`]) },
  ...it.conffiles.map((path): Block => [styled('dim', 'configuration'), ` /${path}`]),
  ...it.scripts.map((script): Block => [styled('warn', 'not run'), ` ${script}`]),
  ...it.notes.map((note): Block => [styled('dim', 'note'), ` ${note}`]),
];

const show: Command = {
  verb: ['package', 'show'],
  about: 'what a recipe says',
  words: [{ ...recipeWord, about: `${recipeWord.about}; or a layer that has one` }],
  flags: {},
  example: 'nanolin package show hello',
  async run(request, bench) {
    const report = await (await bench.open()).package.show(one(request, 'RECIPE'));
    return { json: report, text: describe(report) };
  },
};

const describe = (report: PackageReport): Block[] => [
  {
    rows: [
      [styled('dim', 'package'), styled('strong', report.name)],
      [styled('dim', 'version'), report.version],
      [styled('dim', 'stamp'), report.stamp ?? 'of the day it is made'],
      [styled('dim', 'comment'), report.comment],
      [styled('dim', 'license'), report.license || '-'],
      ...report.website.map(site => [styled('dim', 'website'), site]),
      ...(['provides', 'replaces', 'requires', 'suggests', 'tooling', 'permits', 'scripts'] as const)
        .filter(key => report[key].length > 0)
        .map(key => [styled('dim', key), report[key].join(' ')]),
      ...report.sources.map(({ url, sha256 }) => [
        styled('dim', 'source'),
        url,
        sha256 ?? styled('warn', 'not pinned'),
      ]),
      [styled('dim', 'image'), report.image ?? 'not made'],
      [styled('dim', 'recipe'), report.recipe],
    ],
  },
  ...report.doubts.map((doubt): Block => [styled('warn', 'doubt'), ` ${doubt}`]),
];

const tidy: Command = {
  verb: ['package', 'format'],
  about: 'bring recipes into the one form: words and bodies stay, white space and aliases change',
  words: [{ ...recipeWord, many: true }],
  flags: { check: { about: 'write nothing; exit 1 when a recipe is not in that form' } },
  example: 'nanolin package format ./greet.rcp',
  async run(request, bench) {
    const nanolin = await bench.open();
    const check = request.flags.check === true;
    const changed: string[] = [];
    for (const recipe of many(request, 'RECIPE'))
      if (await nanolin.package.format(recipe, { check })) changed.push(recipe);
    return {
      json: { changed },
      text: changed.map(recipe => [
        styled(check ? 'warn' : 'good', check ? 'not formatted' : 'formatted'),
        ` ${recipe}`,
      ]),
      exit: check && changed.length > 0 ? 1 : 0,
    };
  },
};

const sign: Command = {
  verb: ['package', 'sign'],
  about: 'sign packages: STEM.sig beside STEM.img and STEM.lst, for stock signify too',
  words: [{ name: 'PACKAGE', names: 'file', many: true, about: 'one of the files of a package, or a layer' }],
  flags: { key: { value: 'NAME', about: 'the key to sign with' }, ...passwordFlags },
  example: 'nanolin package sign packages/greet-v1.0-r26.11-G20000000.img --key release',
  check: request => (request.flags.key === undefined ? '--key is missing' : checkPassword(request)),
  async run(request, bench) {
    const key = value(request, 'key') ?? '';
    const signatures = await (await bench.open()).package.sign(many(request, 'PACKAGE'), {
      key,
      password: asked(request, bench, key),
    });
    return {
      json: { signatures },
      text: signatures.map(path => [styled('good', 'signed'), ` ${path}`]),
      summary: true,
    };
  },
};

export const packageCommands: readonly Command[] = [creation, make, importing, show, tidy, sign];
