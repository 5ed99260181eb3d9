import { isSha256 } from './digest.ts';
import { isVersion } from './names.ts';
import { type LayerQuery, printQuery } from './query.ts';
import type { Directive, Recipe } from './recipe.ts';
import { Once, RecipeReader, type Script, type Word } from './recipe-reader.ts';
import { quoted } from './recipe-text.ts';
import { isFileName, parseSource, type SourceAddress } from './source-address.ts';
import { formatStamp, parseStamp } from './stamp.ts';

/** A PACKAGE recipe as values. */
export interface PackageRecipe {
  readonly name: string;
  readonly version: string;
  /** The packaging's own revision, '' where it has none. */
  readonly revised: string;
  /** The summary line, '' without COMMENT, and the long text below it. */
  readonly comment: string;
  readonly description: string;
  readonly license: string;
  readonly contact: readonly string[];
  readonly website: readonly string[];
  readonly support: readonly string[];
  readonly provides: readonly Relation[];
  /** Names of packages, with `*` and `?`. */
  readonly replaces: readonly string[];
  readonly requires: readonly Relation[];
  readonly suggests: readonly Relation[];
  readonly tooling: readonly Relation[];
  /** GETFILE, PUTFILE and PATCHES in the order of the recipe: what makes the build folder. */
  readonly folder: readonly (GetFile | PutFile | Patches)[];
  readonly compile: readonly Stage[];
  readonly inspect: readonly Stage[];
  readonly install: readonly Stage[];
  readonly expunge: readonly Stage[];
  readonly scripts: readonly Script[];
  /** What the package brings though an application may not: `setuid`, `device`, ... */
  readonly permits: readonly string[];
  /** What DISTREL with DISTGEN, or PKGDATE, or a REVISED that is a date, say of the image's stamp; null where none does. */
  readonly stamp: string | null;
}

/** `name`, `name=1.2`, `name>=1.2`: the `name` kind of a query. */
export type Relation = Extract<LayerQuery, { kind: 'name' }>;

export interface GetFile {
  readonly do: 'get';
  /** As written. */
  readonly url: string;
  readonly source: SourceAddress;
  readonly sha256: string | null;
  /** Its name in the build folder. */
  readonly as: string;
  readonly line: number;
}

export interface PutFile {
  readonly do: 'put';
  /** Relative to the build folder, normalised. */
  readonly path: string;
  readonly mode: number;
  readonly body: string;
  readonly line: number;
}

export interface Patches {
  readonly do: 'patch';
  /** Relative to the build folder: the tree, '.' for the folder itself, and the diffs. */
  readonly directory: string;
  readonly files: readonly string[];
  readonly line: number;
}

/** A shell body. */
export interface Stage {
  /** What stands behind the keyword: a word for people. */
  readonly label: string;
  readonly body: string;
  readonly line: number;
}

/** The package that a recipe describes. Throws `recipe-invalid` with file, line and column for what FORMATS.md does not allow. */
export function packageFrom(recipe: Recipe): PackageRecipe {
  const reader = new PackageReader(recipe, 'package');
  const text = (canonical: string) => reader.one(canonical)?.value ?? '';
  const texts = (canonical: string) => reader.all(canonical).map(({ value }) => value);
  return {
    name: reader.name(),
    version: reader.version(),
    revised: text('REVISED'),
    comment: text('COMMENT'),
    description: reader.one('COMMENT')?.body ?? '',
    license: text('LICENSE'),
    contact: texts('CONTACT'),
    website: texts('WEBSITE'),
    support: texts('SUPPORT'),
    provides: reader.relations('PROVIDE'),
    replaces: reader.globs(),
    requires: reader.relations('REQUIRE'),
    suggests: reader.relations('SUGGEST'),
    tooling: reader.relations('TOOLING'),
    folder: reader.folder(),
    compile: reader.stages('COMPILE'),
    inspect: reader.stages('INSPECT'),
    install: reader.stages('INSTALL'),
    expunge: reader.stages('EXPUNGE'),
    scripts: reader.scripts(),
    permits: reader.all('PERMITS').flatMap(d => reader.words(d, 'a permission').map(({ text }) => text)),
    stamp: reader.stamp(),
  };
}

export const printRelation = (relation: Relation): string => printQuery(relation);

class PackageReader extends RecipeReader {
  version(): string {
    const directive = this.one('VERSION');
    const header = this.recipe.directives[0] as Directive;
    if (directive === undefined) throw this.invalid(header, header.column, 'the package has no VERSION');
    if (!isVersion(directive.value))
      throw this.invalid(
        directive,
        directive.column,
        `${quoted(directive.value)} is not a version, [0-9][A-Za-z0-9.+~]*`,
      );
    return directive.value;
  }

  relations(canonical: string): Relation[] {
    return this.all(canonical).flatMap(directive =>
      this.words(directive, 'the name of a package').map(word => {
        const query = this.query(directive, word);
        if (query.kind === 'name') return query;
        throw this.invalid(
          directive,
          word.column,
          `${quoted(word.text)} is a path, expected name or name>=1.2`,
        );
      }),
    );
  }

  globs(): string[] {
    return this.all('REPLACE').flatMap(directive =>
      this.words(directive, 'the name of a package, * and ? allowed').map(({ text, column }) => {
        if (text.length <= 100 && /^[a-z0-9*?][a-z0-9+._*?-]*$/.test(text)) return text;
        throw this.invalid(directive, column, `${quoted(text)} is no name of a package with * or ? in it`);
      }),
    );
  }

  folder(): PackageRecipe['folder'] {
    const readers: Record<string, (directive: Directive) => PackageRecipe['folder'][number]> = {
      GETFILE: directive => this.getFile(directive, names),
      PUTFILE: directive => this.putFile(directive),
      PATCHES: directive => this.patches(directive),
    };
    const names = new Once(this);
    return this.recipe.directives.flatMap(directive => readers[directive.canonical]?.(directive) ?? []);
  }

  getFile(directive: Directive, names: Once): GetFile {
    const [address, ...options] = this.words(directive, 'an address');
    if (address === undefined) throw this.invalid(directive, directive.column, 'expected an address');
    const source = parseSource(address.text);
    if (typeof source === 'string')
      throw this.invalid(directive, address.column, `${quoted(address.text)}: ${source}`);
    const { sha256, as } = this.options(directive, options, ['sha256', 'as']);
    if (sha256 && !isSha256(sha256.text))
      throw this.invalid(directive, sha256.column, 'sha256= takes 64 lower-case hex digits');
    if (as && !isFileName(as.text))
      throw this.invalid(
        directive,
        as.column,
        `${quoted(as.text)}: expected the name of a file, without a directory`,
      );
    const name = as?.text ?? source.file;
    names.check(directive, address.column, name, name);
    return {
      do: 'get',
      url: address.text,
      source,
      sha256: sha256?.text ?? null,
      as: name,
      line: directive.line,
    };
  }

  putFile(directive: Directive): PutFile {
    const [path, ...options] = this.words(directive, 'a path in the build folder');
    if (path === undefined)
      throw this.invalid(directive, directive.column, 'expected a path in the build folder');
    const { mode } = this.options(directive, options, ['mode']);
    if (mode && !/^0?[0-7]{3}$/.test(mode.text))
      throw this.invalid(directive, mode.column, `${quoted(mode.text)}: expected a mode such as 0755`);
    return {
      do: 'put',
      path: this.inside(directive, path),
      mode: mode ? Number.parseInt(mode.text, 8) : 0o644,
      body: directive.body ?? '',
      line: directive.line,
    };
  }

  patches(directive: Directive): Patches {
    const [directory, ...files] = this.words(directive, 'a directory and the patches for it');
    if (directory === undefined || files.length === 0)
      throw this.invalid(directive, directive.column, 'expected a directory and the patches for it');
    return {
      do: 'patch',
      directory: directory.text === '.' ? '.' : this.inside(directive, directory),
      files: files.map(file => this.inside(directive, file)),
      line: directive.line,
    };
  }

  inside(directive: Directive, { text, column }: Word): string {
    const parts = text.replace(/^(?:\.\/)+/, '').split('/');
    if (
      text.length > 1000 ||
      parts.some(part => part === '' || part === '.' || part === '..' || part.length > 255)
    )
      throw this.invalid(
        directive,
        column,
        `${quoted(text)} leads out of the build folder`,
        'expected a relative path without .. in it',
      );
    return parts.join('/');
  }

  options<K extends string>(
    directive: Directive,
    words: readonly Word[],
    known: readonly K[],
  ): { [key in K]?: Word } {
    const found: { [key in K]?: Word } = {};
    for (const { text, column } of words) {
      const at = text.indexOf('=');
      const key = known.find(name => name === text.slice(0, Math.max(at, 0)));
      if (key === undefined)
        throw this.invalid(
          directive,
          column,
          `${quoted(text)}: expected ${known.map(name => `${name}=`).join(' or ')}`,
        );
      if (found[key] !== undefined) throw this.invalid(directive, column, `${key}= stands a second time`);
      found[key] = { text: text.slice(at + 1), column: column + at + 1 };
    }
    return found;
  }

  stages(canonical: string): Stage[] {
    return this.all(canonical).map(directive => ({
      label: directive.value,
      body: this.body(directive),
      line: directive.line,
    }));
  }

  stamp(): string | null {
    const [release, generation] = [this.one('DISTREL'), this.one('DISTGEN')];
    if (release && generation) {
      const stamp = `${release.value}-${generation.value}`;
      if (parseStamp(stamp)) return stamp;
      throw this.invalid(
        generation,
        generation.column,
        `${quoted(stamp)} is no stamp, expected r26.11 and G22095100`,
      );
    }
    const date = this.one('PKGDATE');
    if (date) {
      const stamp = stampOfDate(date.value);
      if (stamp !== null) return stamp;
      throw this.invalid(
        date,
        date.column,
        `${quoted(date.value)}: expected 2026-11-22 or 2026-11-22T09:51:00Z`,
      );
    }
    return stampOfDate(this.one('REVISED')?.value ?? '');
  }
}

/** A date is its midnight, UTC. Null for what is none, and for one that a stamp cannot say. */
function stampOfDate(text: string): string | null {
  if (!/^20\d\d-\d\d-\d\d(T\d\d:\d\d:\d\dZ)?$/.test(text)) return null;
  const date = new Date(text);
  // Date reads February 30th as March 2nd in one form and not at all in the other.
  return Number.isNaN(date.getTime()) || !date.toISOString().startsWith(text.slice(0, 10))
    ? null
    : formatStamp(date);
}
