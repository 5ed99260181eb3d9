import { maxDuration, parseDuration } from './duration.ts';
import { isPackageName } from './names.ts';
import type { LayerQuery } from './query.ts';
import type { Directive, Recipe } from './recipe.ts';
import { Once, RecipeReader, type Script, type Word } from './recipe-reader.ts';
import { quoted } from './recipe-text.ts';

/** A PROFILE recipe as values, before its imports are followed. */
export interface ProfileRecipe {
  readonly name: string;
  /** The summary line, '' without COMMENT, and the long text below it. */
  readonly comment: string;
  readonly description: string;
  readonly imports: readonly string[];
  readonly targets: readonly ProfileTarget[];
  /** Bottom first, as written. */
  readonly enables: readonly ProfileLayer[];
  readonly disables: readonly ProfileLayer[];
  /** Null where the profile does not say. */
  readonly writing: 'none' | 'volatile' | 'persist' | null;
  readonly healthy: { readonly body: string; readonly timeoutMs: number } | null;
  readonly scripts: readonly Script[];
  readonly applies: readonly string[];
  readonly permits: readonly string[];
}

export interface ProfileTarget {
  /** Absolute and normalised. */
  readonly path: string;
  readonly base: 'keep' | 'none' | null;
  /** Subtree of the image, relative and normalised, '' for the whole image; null where it is the target's own path. */
  readonly from: string | null;
  readonly line: number;
}

export interface ProfileLayer {
  readonly text: string;
  readonly query: LayerQuery;
  readonly line: number;
}

const defaultTimeout = 10_000;
const maxPath = 4095;

/** The profile that a recipe describes. Throws `recipe-invalid` with file, line and column for what FORMATS.md does not allow. */
export function profileFrom(recipe: Recipe): ProfileRecipe {
  const reader = new ProfileReader(recipe);
  const comment = reader.one('COMMENT');
  return {
    name: reader.name(),
    comment: comment?.value ?? '',
    description: comment?.body ?? '',
    imports: reader.imports(),
    targets: reader.targets(),
    enables: reader.layers('ENABLES'),
    disables: reader.layers('DISABLE'),
    writing: reader.writing(),
    healthy: reader.healthy(),
    scripts: reader.scripts(),
    applies: reader
      .all('APPLIES')
      .flatMap(directive => reader.words(directive, 'a condition').map(w => w.text)),
    permits: reader
      .all('PERMITS')
      .flatMap(directive => reader.words(directive, 'a permission').map(w => w.text)),
  };
}

class ProfileReader extends RecipeReader {
  constructor(recipe: Recipe) {
    super(recipe, 'profile');
  }

  imports(): string[] {
    const own = this.name();
    const once = new Once(this);
    const names: string[] = [];
    for (const directive of this.all('IMPORTS')) {
      for (const { text, column } of this.words(directive, 'the name of a profile')) {
        if (!isPackageName(text))
          throw this.invalid(directive, column, `${quoted(text)} is not a name, [a-z0-9][a-z0-9+._-]*`);
        if (text === own) throw this.invalid(directive, column, `${text} imports itself`);
        once.check(directive, column, text, text);
        names.push(text);
      }
    }
    return names;
  }

  targets(): ProfileTarget[] {
    const once = new Once(this);
    const targets: ProfileTarget[] = [];
    for (const directive of this.all('TARGETS')) {
      const words = this.words(directive, 'an absolute path');
      const paths = words.filter(({ text }) => !/^[a-z]+=/.test(text));
      const options = this.options(directive, words);
      if (paths.length === 0) throw this.invalid(directive, directive.column, 'expected an absolute path');
      for (const { text, column } of paths) {
        if (!isTargetPath(text))
          throw this.invalid(
            directive,
            column,
            `${quoted(text)} is not a target, expected an absolute path without .., doubled or trailing /, and not / itself`,
          );
        once.check(directive, column, text, text);
        targets.push({ path: text, ...options, line: directive.line });
      }
    }
    return targets;
  }

  options(directive: Directive, words: readonly Word[]): Pick<ProfileTarget, 'base' | 'from'> {
    let base: ProfileTarget['base'] = null;
    let from: ProfileTarget['from'] = null;
    for (const { text, column } of words) {
      const [, key, value = ''] = /^([a-z]+)=(.*)$/.exec(text) ?? [];
      if (key === undefined) continue;
      if ((key === 'base' && base !== null) || (key === 'from' && from !== null))
        throw this.invalid(directive, column, `${key}= stands a second time`);
      if (key === 'base' && (value === 'keep' || value === 'none')) base = value;
      else if (key === 'from' && value === '/') from = '';
      else if (key === 'from' && isTargetPath(value.startsWith('/') ? value : `/${value}`))
        from = value.replace(/^\//, '');
      else
        throw this.invalid(directive, column, `${quoted(text)}: expected base=keep, base=none or from=DIR`);
    }
    return { base, from };
  }

  layers(canonical: 'ENABLES' | 'DISABLE'): ProfileLayer[] {
    const once = new Once(this);
    const layers: ProfileLayer[] = [];
    for (const directive of this.all(canonical)) {
      for (const word of this.words(directive, 'a layer')) {
        const { text, column } = word;
        const query = this.query(directive, word);
        // Two versions of one layer in one stack: the lower one would be masked file by file, and only in part.
        once.check(directive, column, query.kind === 'path' ? query.path : query.name, text);
        layers.push({ text, query, line: directive.line });
      }
    }
    return layers;
  }

  writing(): ProfileRecipe['writing'] {
    const directive = this.one('WRITING');
    if (directive === undefined) return null;
    const { value } = directive;
    if (value === 'none' || value === 'volatile' || value === 'persist') return value;
    throw this.invalid(directive, directive.column, `${quoted(value)}: expected none, volatile or persist`);
  }

  healthy(): ProfileRecipe['healthy'] {
    const directive = this.one('HEALTHY');
    if (directive === undefined) return null;
    const { value, column } = directive;
    const duration = value.startsWith('timeout=') ? parseDuration(value.slice('timeout='.length)) : null;
    if (value !== '' && duration === null)
      throw this.invalid(
        directive,
        column,
        `${quoted(value)}: expected timeout= and 500ms, 10s or 2m, at most ${maxDuration / 60_000}m`,
      );
    return { body: this.body(directive), timeoutMs: duration ?? defaultTimeout };
  }
}

function isTargetPath(path: string): boolean {
  if (path.length > maxPath || !path.startsWith('/')) return false;
  return path
    .slice(1)
    .split('/')
    .every(part => part !== '' && part !== '.' && part !== '..');
}
