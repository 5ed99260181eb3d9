import { NanolinError } from '../error/index.ts';
import type { Directive, Recipe } from './recipe.ts';
import { invisibleAt, quoted } from './recipe-text.ts';

/** The text of a recipe: for a parsed one the bytes it came from. Throws `recipe-syntax` where a changed value has no line form. */
export function printRecipe(recipe: Recipe): string {
  const text = recipe.directives.map(print).join('') + recipe.trailer;
  return recipe.finalNewline ? text : text.slice(0, -1);
}

/**
 * The recipe in the one form we write: aliases resolved, one space after a keyword, no white space at the end of a line, at
 * most one empty line between directives, and one before and after a directive with a body. Comments, order, values and
 * bodies stay as they are.
 */
export function formatRecipe(recipe: Recipe): string {
  let text = '';
  let apart = false;
  for (const directive of recipe.directives) {
    const tall = directive.body !== null;
    text += formatTrivia(directive.layout.before, text !== '', apart || tall);
    text += print({ ...directive, keyword: directive.canonical, layout: tidy(directive) });
    apart = tall;
  }
  const trailer = formatTrivia(recipe.trailer, text !== '', apart).replace(/\n+$/, '\n');
  return trailer === '\n' ? text : text + trailer;
}

function print({ keyword, value, body, layout }: Directive): string {
  if (!/^[A-Z]{7}$/.test(keyword) || invisibleAt(value) >= 0 || /^[ \t]|[ \t]$/.test(value))
    throw new NanolinError(
      'recipe-syntax',
      `${quoted(keyword)}: cannot be printed as a line, its value is ${quoted(value)}`,
    );
  const gap = value !== '' && layout.gap === '' ? ' ' : layout.gap;
  return `${layout.before}${keyword}${gap}${value}${layout.after}\n${body === null ? '' : indent(body, layout.tabbed)}`;
}

function indent(body: string, tabbed: readonly number[]): string {
  const lines = body.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const written = new Set(tabbed);
  // An empty last line without its TAB would not belong to the body.
  written.add(lines.length - 1);
  return lines.map((line, i) => (line === '' && !written.has(i) ? '\n' : `\t${line}\n`)).join('');
}

function tidy({ value }: Directive): Directive['layout'] {
  return { before: '', gap: value === '' ? '' : ' ', after: '', tabbed: [] };
}

/** Comments and empty lines between two directives, runs of empty lines drawn together. */
function formatTrivia(trivia: string, follows: boolean, apart: boolean): string {
  const text = trivia
    .split('\n')
    .map(line => line.trimEnd())
    .join('\n')
    .replace(/\n{3,}/g, '\n\n')
    .replace(/^\n+/, '');
  const gap = follows && (apart || trivia.startsWith('\n'));
  return gap ? `\n${text}` : text;
}
