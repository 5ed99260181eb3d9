import { createHash } from 'node:crypto';
import { NanolinError } from '../error/index.ts';
import { formatStamp, parseRecipe, parseStamp } from '../formats/index.ts';
import { type LayerRecord, loadMaking } from '../layer/index.ts';
import { type Session, writing } from '../profile/index.ts';
import { storeRecipe, writeOut } from './build-make.ts';
import { collectLicenses, type FoundLicense } from './import-licenses.ts';
import { relationsFrom } from './import-relations.ts';
import { type Staged, stageSource } from './import-tree.ts';
import { checkPermits, pathByPath } from './install-consent.ts';
import { judgePackage } from './judge-package.ts';
import type { ImportedPackage, PackageImportOptions } from './types.ts';

/**
 * Makes a package, recipe and image, of a .deb (also deb:NAME), a tar archive, a directory or an OCI layout, and stores it. Maintainer scripts
 * are named and never run. What an application may not bring is refused path by path, unless `permits` has the rule.
 */
export async function importPackage(
  session: Session,
  source: string,
  options: PackageImportOptions = {},
): Promise<ImportedPackage> {
  const { ctx } = session;
  const { permits = [], out } = options;
  checkPermits(permits);
  return writing(session, `importing ${source}`, async () => {
    const making = await loadMaking();
    const work = making.openWork(ctx);
    try {
      const staged = await stageSource(ctx, source, work, options);
      const licenses = collectLicenses(
        staged.tree,
        staged.name,
        await making.walkTree(ctx, staged.tree, source),
      );
      const conffiles = staged.control?.conffiles ?? new Set<string>();
      const entries = (await making.walkTree(ctx, staged.tree, source)).map(entry =>
        conffiles.has(entry.path) ? { ...entry, tags: [...(entry.tags ?? []), 'config'] } : entry,
      );
      const findings = judgePackage(entries, new Set(permits));
      if (findings.length > 0)
        throw new NanolinError(
          'refused',
          `${source}: an application may not bring ${pathByPath(findings)}`,
          `take it all the same with --permit ${[...new Set(findings.map(({ rule }) => rule))].join(',')}`,
        );
      const stamp = formatStamp(ctx.now());
      const format = options.format ?? 'erofs';
      const body = createHash('sha256');
      for (const { path, sha256, mode, uid, gid } of entries)
        body.update(`${path}\0${sha256}\0${mode}\0${uid}\0${gid}\n`);
      const digest = body.update(`${staged.name} ${staged.version} ${staged.digest}`).digest('hex');
      const { name, version } = staged;
      const known = await making.findReusable(ctx, digest, { name, version, format });
      const record: LayerRecord =
        known ??
        making.storeSealed(
          ctx,
          work,
          await making.sealTree(ctx, work, staged.tree, { name, version, stamp, entries, format }),
          { origin: source, source: digest },
        );
      const { text, notes } = recipeText(staged, { source, stamp: record.stamp, licenses, permits });
      const recipe = parseRecipe(text, { file: `${name}.rcp`, strict: true });
      const path = storeRecipe(ctx, record, text);
      return {
        ...{
          name,
          version,
          stamp: record.stamp,
          image: record.image,
          size: record.size,
          digest: record.digest,
        },
        ...{
          files: record.files,
          recipe: path,
          scripts: staged.control?.scripts ?? [],
          conffiles: [...conffiles],
        },
        ...{ licenses, notes, out: out === undefined ? [] : writeOut(ctx, recipe, record, out) },
      };
    } finally {
      await making.closeWork(ctx, work);
    }
  });
}

interface About {
  readonly source: string;
  readonly stamp: string;
  readonly licenses: readonly FoundLicense[];
  readonly permits: readonly string[];
}

/** The recipe of what was imported: what it is and needs, not how it is built. */
function recipeText(staged: Staged, about: About): { text: string; notes: string[] } {
  const { fields, control } = staged;
  const notes: string[] = [];
  const field = (name: string) => fields.get(name) ?? '';
  const relations = (keyword: string, ...names: string[]) =>
    names.flatMap(name => {
      const found = relationsFrom(name, field(name));
      notes.push(...found.notes);
      return found.words.length > 0 ? [`${keyword} ${found.words.join(' ')}`] : [];
    });
  const [summary = '', ...long] = field('Description').split('\n');
  const body = long.map(line => (line === '.' ? '\t' : `\t${plain(line)}`));
  const date = (parseStamp(about.stamp)?.time ?? new Date(0)).toISOString().replace('.000Z', 'Z');
  const licenses = [...new Set(about.licenses.map(({ license }) => license))].filter(
    word => word !== 'unknown',
  );
  const lines = [
    `PACKAGE ${staged.name}`,
    `VERSION ${staged.version}`,
    `PKGDATE ${date}`,
    `COMMENT ${plain(summary) || `imported from ${plain(about.source)}`}`,
    ...body,
    ...(licenses.length > 0 ? [`LICENSE ${plain(licenses.join(' AND ')).slice(0, 1000)}`] : []),
    ...valued('CONTACT', field('Maintainer')),
    ...valued('WEBSITE', field('Homepage')),
    ...relations('PROVIDE', 'Provides'),
    ...replaced(field('Replaces')),
    ...relations('REQUIRE', 'Pre-Depends', 'Depends'),
    ...relations('SUGGEST', 'Recommends', 'Suggests'),
    ...(about.permits.length > 0 ? [`PERMITS ${about.permits.join(' ')}`] : []),
    `# Imported from ${plain(about.source)}${staged.digest ? `, SHA-256 ${staged.digest}` : ''}.`,
    ...(control && control.scripts.length > 0
      ? [`# Its maintainer scripts were not run: ${control.scripts.join(' ')}.`]
      : []),
  ];
  return { text: `${lines.join('\n')}\n`, notes };
}

const valued = (keyword: string, value: string): string[] =>
  value === '' ? [] : [`${keyword} ${plain(value)}`];

/** REPLACE takes names only: that an older version is replaced is what a newer one does anyhow. */
function replaced(text: string): string[] {
  const names = relationsFrom('Replaces', text).words.map(word => word.replace(/[<>=].*$/, ''));
  return names.length > 0 ? [`REPLACE ${[...new Set(names)].join(' ')}`] : [];
}

/** One line that a recipe may hold: no control characters, nothing that hides or reorders. */
const plain = (text: string): string =>
  text
    .replace(/[\p{Cc}\p{Cf}\u2028\u2029]+/gu, ' ')
    .trim()
    .slice(0, 2000);
