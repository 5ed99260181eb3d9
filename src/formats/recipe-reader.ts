import { NanolinError } from '../error/index.ts';
import { isPackageName } from './names.ts';
import { type LayerQuery, parseQuery } from './query.ts';
import type { Directive, Recipe } from './recipe.ts';
import type { Kind } from './recipe-keywords.ts';
import { quoted } from './recipe-text.ts';

export interface Word {
  readonly text: string;
  readonly column: number;
}

const events = ['enable', 'disable', 'startup', 'shutdown', 'login'] as const;
export type ScriptEvent = (typeof events)[number];

export interface Script {
  readonly event: ScriptEvent;
  readonly body: string;
}

/** What every view of a recipe reads it with. Its errors are `recipe-invalid` and name file, line, column and directive. */
export class RecipeReader {
  readonly recipe: Recipe;

  constructor(recipe: Recipe, kind: Kind) {
    this.recipe = recipe;
    if (recipe.kind !== kind)
      throw new NanolinError(
        'recipe-invalid',
        `${recipe.file}:1: not a ${kind}`,
        `a ${kind} begins with a ${kind.toUpperCase()} directive that names it`,
      );
  }

  all(canonical: string): Directive[] {
    return this.recipe.directives.filter(directive => directive.canonical === canonical);
  }

  one(canonical: string): Directive | undefined {
    return this.recipe.directives.find(directive => directive.canonical === canonical);
  }

  words(directive: Directive, expected: string): Word[] {
    const words = [...directive.value.matchAll(/[^ \t]+/g)].map(match => ({
      text: match[0],
      column: directive.column + match.index,
    }));
    if (words.length === 0) throw this.invalid(directive, directive.column, `expected ${expected}`);
    return words;
  }

  invalid(directive: Directive, column: number, what: string, hint?: string): NanolinError {
    const place = `${this.recipe.file}:${directive.line}:${column}`;
    return new NanolinError('recipe-invalid', `${place}: ${directive.keyword}: ${what}`, hint);
  }

  /** The name that the header gives. */
  name(): string {
    const directive = this.recipe.directives[0] as Directive;
    if (!isPackageName(directive.value))
      throw this.invalid(
        directive,
        directive.column,
        `${quoted(directive.value)} is not a name, [a-z0-9][a-z0-9+._-]*`,
      );
    return directive.value;
  }

  query(directive: Directive, { text, column }: Word): LayerQuery {
    try {
      return parseQuery(text);
    } catch (thrown) {
      if (!(thrown instanceof NanolinError)) throw thrown;
      throw this.invalid(directive, column, thrown.message, thrown.hint);
    }
  }

  scripts(): Script[] {
    const once = new Once(this);
    return this.all('SCRIPTS').map(directive => {
      const event = events.find(name => name === directive.value);
      if (event === undefined)
        throw this.invalid(
          directive,
          directive.column,
          `${quoted(directive.value)}: expected one of ${events.join(' ')}`,
        );
      once.check(directive, directive.column, event, event);
      return { event, body: this.body(directive) };
    });
  }

  body(directive: Directive): string {
    if (directive.body === null)
      throw this.invalid(directive, 1, 'has no body', 'write the commands below it, each line after a TAB');
    return directive.body;
  }
}

/** Refuses what a recipe may say once only, and names the line where it was said first. */
export class Once {
  readonly reader: RecipeReader;
  readonly lines = new Map<string, number>();

  constructor(reader: RecipeReader) {
    this.reader = reader;
  }

  check(directive: Directive, column: number, key: string, text: string): void {
    const first = this.lines.get(key);
    if (first !== undefined)
      throw this.reader.invalid(directive, column, `${quoted(text)} stands a second time (line ${first})`);
    this.lines.set(key, directive.line);
  }
}
