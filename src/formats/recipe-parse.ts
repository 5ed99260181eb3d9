import { nearest } from './nearest.ts';
import type { Directive, Layout, Recipe } from './recipe.ts';
import { foreignTo, headerOf, type Kind, type Rule, ruleOf, wordsOf } from './recipe-keywords.ts';
import { RecipeReport } from './recipe-report.ts';
import { invisibleAt, maxRecipeLine, maxRecipeLines, quoted, recipeText } from './recipe-text.ts';

interface Open {
  readonly directive: Omit<Directive, 'body' | 'layout'>;
  readonly layout: Omit<Layout, 'tabbed'>;
  readonly lines: string[];
  readonly tabbed: number[];
  readonly takesBody: boolean;
}

/**
 * Parses a recipe (FORMATS.md, `.rcp`). Throws `recipe-syntax` with file, line, column and directive. With `strict`, for
 * recipes of our own, unknown keywords, a missing header and a missing last newline are errors; else they are warnings.
 */
export function parseRecipe(
  source: Uint8Array | string,
  { file, strict = false }: { file: string; strict?: boolean },
): Recipe {
  return new Parser(recipeText(source, file), file, strict).parse();
}

class Parser {
  readonly text: string;
  readonly file: string;
  readonly report: RecipeReport;
  readonly directives: Directive[] = [];
  readonly seen = new Map<string, number>();
  kind: Kind | null = null;
  open: Open | null = null;
  line = 0;
  /** End of the last line that belongs to a directive: what follows up to the next one is its `before`. */
  used = 0;
  /** Empty lines that become part of the body if another body line follows. */
  empty = 0;
  /** A comment has ended the body. */
  ended = false;

  constructor(text: string, file: string, strict: boolean) {
    this.text = text;
    this.file = file;
    this.report = new RecipeReport(file, strict);
  }

  parse(): Recipe {
    const finalNewline = this.text === '' || this.text.endsWith('\n');
    const text = finalNewline ? this.text : `${this.text}\n`;
    for (let start = 0; start < text.length; ) {
      const end = text.indexOf('\n', start);
      this.line++;
      if (this.line > maxRecipeLines)
        throw this.report.error(this.line, 1, null, `more than ${maxRecipeLines} lines`);
      if (end - start > maxRecipeLine)
        throw this.report.error(
          this.line,
          maxRecipeLine + 1,
          null,
          `line longer than ${maxRecipeLine} characters`,
        );
      this.read(text.slice(start, end), start, end + 1);
      start = end + 1;
    }
    if (!finalNewline) this.report.doubt(this.line, 1, null, 'the last line has no newline');
    this.close();
    if (this.kind === null)
      this.report.doubt(1, 1, null, 'no header, expected PACKAGE, RELEASE or PROFILE as the first directive');
    return {
      kind: this.kind,
      file: this.file,
      directives: this.directives,
      warnings: this.report.warnings,
      trailer: text.slice(this.used),
      finalNewline,
    };
  }

  read(line: string, start: number, next: number): void {
    if (line === '') {
      this.empty++;
    } else if (line.startsWith('\t')) {
      this.readBody(line);
      this.used = next;
    } else if (line.startsWith('#')) {
      this.refuseReturn(line);
      this.ended = true;
    } else {
      this.close();
      this.readDirective(line, this.text.slice(this.used, start));
      this.used = next;
    }
  }

  readBody(line: string): void {
    const open = this.open;
    if (open === null) throw this.report.error(this.line, 1, null, 'a body line belongs to no directive');
    const { keyword } = open.directive;
    if (this.ended)
      throw this.report.error(
        this.line,
        1,
        keyword,
        'body line after a comment',
        'put a TAB before the comment, or move it',
      );
    if (!open.takesBody)
      throw this.report.error(this.line, 1, keyword, 'takes no body, expected a directive');
    for (; this.empty > 0; this.empty--) open.lines.push('');
    if (line === '\t') open.tabbed.push(open.lines.length);
    open.lines.push(line.slice(1));
  }

  readDirective(line: string, before: string): void {
    this.refuseReturn(line);
    if (line.startsWith(' '))
      throw this.report.error(
        this.line,
        1,
        null,
        'line begins with a space, expected a directive, or a TAB before a body line',
      );
    const keyword = /^[^ \t]*/.exec(line)?.[0] ?? '';
    const invisible = invisibleAt(line);
    if (invisible >= 0)
      throw this.report.error(
        this.line,
        invisible + 1,
        quoted(keyword),
        `character ${quoted(line[invisible] as string)} cannot be seen, expected text`,
      );
    const rule = this.ruleFor(keyword);
    let from = keyword.length;
    while (line[from] === ' ' || line[from] === '\t') from++;
    let to = line.length;
    while (to > from && (line[to - 1] === ' ' || line[to - 1] === '\t')) to--;
    this.open = {
      directive: {
        keyword,
        canonical: rule?.canonical ?? keyword,
        value: line.slice(from, to),
        line: this.line,
        column: from + 1,
      },
      layout: { before, gap: line.slice(keyword.length, from), after: line.slice(to) },
      lines: [],
      tabbed: [],
      takesBody: rule?.body ?? true,
    };
  }

  ruleFor(keyword: string): Rule | null {
    const rule = ruleOf(keyword);
    if (rule === null) {
      const what = `unknown directive, expected one of ${wordsOf(this.kind).join(' ')}`;
      const meant = nearest(keyword.slice(0, 12).toUpperCase(), wordsOf(this.kind));
      const hint = meant === null ? undefined : `did you mean ${meant}?`;
      // A keyword of a later version has seven capitals too; anything else is no recipe.
      if (!/^[A-Z]{7}$/.test(keyword)) throw this.report.error(this.line, 1, quoted(keyword), what, hint);
      this.report.doubt(this.line, 1, keyword, what, hint);
      return null;
    }
    const header = headerOf(rule.canonical);
    if (header !== null) {
      if (this.kind !== null)
        throw this.report.error(this.line, 1, keyword, 'second header, expected one a recipe');
      if (this.directives.length > 0)
        throw this.report.error(this.line, 1, keyword, 'header after other directives, expected it first');
      this.kind = header;
    } else if (this.kind !== null && foreignTo(this.kind, rule)) {
      const what = `not for a ${this.kind}, expected one of ${wordsOf(this.kind).join(' ')}`;
      this.report.doubt(this.line, 1, keyword, what);
    }
    const first = this.seen.get(rule.canonical);
    if (rule.once && first !== undefined)
      throw this.report.error(this.line, 1, keyword, `stands a second time, expected once (line ${first})`);
    this.seen.set(rule.canonical, this.line);
    return rule;
  }

  close(): void {
    if (this.open !== null) {
      const { directive, layout, lines, tabbed } = this.open;
      const body = lines.length > 0 ? `${lines.join('\n')}\n` : null;
      this.directives.push({ ...directive, body, layout: { ...layout, tabbed } });
    }
    this.open = null;
    this.empty = 0;
    this.ended = false;
  }

  // In a body a CR is data (a patch to a CRLF file); anywhere else the file came from an editor that writes CRLF.
  refuseReturn(line: string): void {
    const at = line.indexOf('\r');
    if (at >= 0)
      throw this.report.error(
        this.line,
        at + 1,
        null,
        'carriage return, expected lines that end in LF',
        'convert the file with dos2unix',
      );
  }
}
