import { type GetFile, type PackageRecipe, type Patches, parseStamp } from '../formats/index.ts';
import { quoted } from './build-quote.ts';

export interface BuildStage {
  /** As the recipe's keyword, PREPARE for what comes before; with a number where the recipe has several. */
  readonly name: string;
  readonly script: string;
  /** Only what makes the package may write outside of the build folder. */
  readonly writes: boolean;
  readonly line: number;
}

/** All that runs in the sandbox for a recipe, in order. `put-N` in `/nanolin` is the body of PUTFILE number N. */
export function stagesOf(recipe: PackageRecipe): BuildStage[] {
  const bodies = (name: string, stages: PackageRecipe['compile'], writes: boolean): BuildStage[] =>
    stages.map(({ body, line }, at) => ({
      name: stages.length > 1 ? `${name}-${at + 1}` : name,
      script: body,
      writes,
      line,
    }));
  return [
    { name: 'PREPARE', script: prepare(recipe), writes: false, line: 1 },
    ...bodies('COMPILE', recipe.compile, false),
    ...bodies('INSPECT', recipe.inspect, false),
    ...bodies('INSTALL', recipe.install, true),
    ...bodies('EXPUNGE', recipe.expunge, true),
  ];
}

/** Nothing of the machine, the user or the day; DESTDIR is set and empty, since INSTALL writes to a root of its own. */
export function stageEnvironment(recipe: PackageRecipe, stamp: string, jobs: number): Record<string, string> {
  return {
    PATH: '/usr/sbin:/usr/bin:/sbin:/bin',
    HOME: '/build',
    USER: 'root',
    LOGNAME: 'root',
    SHELL: '/bin/sh',
    TERM: 'dumb',
    LC_ALL: 'C.UTF-8',
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    SOURCE_DATE_EPOCH: String((parseStamp(stamp)?.time.getTime() ?? 0) / 1000),
    PYTHONHASHSEED: '0',
    PERL_HASH_SEED: '0',
    DESTDIR: '',
    NAME: recipe.name,
    VERSION: recipe.version,
    JOBS: String(jobs),
  };
}

function prepare({ folder }: PackageRecipe): string {
  let put = 0;
  const lines = folder.flatMap(item => {
    if (item.do === 'get') return unpack(item);
    if (item.do === 'patch') return patch(item);
    const path = quoted(item.path);
    const parent = item.path.includes('/') ? [`mkdir -p ${quoted(item.path.replace(/\/[^/]*$/, ''))}`] : [];
    return [...parent, `rm -f ${path}`, `install -m ${item.mode.toString(8)} /nanolin/put-${put++} ${path}`];
  });
  return `${lines.join('\n')}\n`;
}

const archive = /\.(tar|tar\.(gz|xz|bz2|zst)|tgz|txz|tbz2)$/;

function unpack({ source, as }: GetFile): string[] {
  const take = (file: string, to: string, strip: number) =>
    `tar --no-same-owner --strip-components=${strip} -C ${quoted(to)} -xf ${file}`;
  if (source.scheme === 'npm') {
    const folder = quoted(npmFolder(source.name));
    return [`mkdir ${folder}`, take(quoted(as), npmFolder(source.name), 1)];
  }
  if (source.scheme === 'debsrc') return unpackDebian(debianFolder(source), take);
  return archive.test(as) ? [`tar --no-same-owner -xf ${quoted(as)}`] : [];
}

/** As dpkg-source does it for 1.0 and 3.0, up to the patches: which of them are applied says PATCHES. */
function unpackDebian(
  { name, folder }: { name: string; folder: string },
  take: (file: string, to: string, strip: number) => string,
): string[] {
  const here = quoted(folder);
  return [
    `mkdir ${here}`,
    `for file in ${quoted(name)}_*.orig.tar.*; do case $file in *.asc | *'*'*) ;; *) ${take('"$file"', folder, 1)} ;; esac; done`,
    `for file in ${quoted(name)}_*.orig-*.tar.*; do case $file in *.asc | *'*'*) ;; *)`,
    `  part=\${file#*.orig-}; mkdir -p ${here}/"\${part%%.tar.*}"; tar --no-same-owner --strip-components=1 -C ${here}/"\${part%%.tar.*}" -xf "$file" ;; esac; done`,
    `for file in ${quoted(name)}_*.debian.tar.*; do case $file in *'*'*) ;; *) ${take('"$file"', folder, 0)} ;; esac; done`,
    `for file in ${quoted(name)}_*.diff.gz; do case $file in *'*'*) ;; *) gzip -dc "$file" | patch -d ${here} -p1 --batch --forward --no-backup-if-mismatch ;; esac; done`,
    // A native package is one tar, NAME_VERSION.tar.xz.
    `for file in ${quoted(name)}_*.tar.*; do case $file in *.orig* | *.debian.* | *.asc | *'*'*) ;; *) ${take('"$file"', folder, 1)} ;; esac; done`,
  ];
}

/** Where a source package lies in the build folder: NAME-UPSTREAM, as dpkg-source names it. */
export function debianFolder({ name, version }: { name: string; version: string }): {
  name: string;
  folder: string;
} {
  const upstream = version.replace(/^\d+:/, '').replace(/-[^-]*$/, '');
  return { name, folder: `${name}-${upstream}` };
}

/** Where an npm package lies in the build folder. */
export const npmFolder = (name: string): string => name.replace('@', '').replace('/', '-');

function patch({ directory, files }: Patches): string[] {
  const options = '-p1 --batch --forward --no-backup-if-mismatch';
  return files.map(file => `patch -d ${quoted(directory)} ${options} -i ${quoted(`/build/${file}`)}`);
}
