export type Kind = 'package' | 'release' | 'profile';

/** What the syntax has to know of a keyword; what its value means is decided where the recipe is used. */
export interface Rule {
  readonly canonical: string;
  readonly kinds: readonly Kind[];
  /** May stand only once. */
  readonly once: boolean;
  /** May have a body. */
  readonly body: boolean;
}

const build: Kind[] = ['package'];
const groups: Kind[] = ['package', 'release'];
const profiles: Kind[] = ['profile'];
const all: Kind[] = ['package', 'release', 'profile'];

const rules = new Map<string, Rule>();
function rule(canonical: string, kinds: readonly Kind[], ...marks: readonly ('once' | 'body')[]): void {
  rules.set(canonical, { canonical, kinds, once: marks.includes('once'), body: marks.includes('body') });
}

rule('PACKAGE', build, 'once');
rule('RELEASE', ['release'], 'once');
rule('PROFILE', profiles, 'once');
rule('VERSION', groups, 'once');
rule('REVISED', groups, 'once');
rule('FLAVOUR', ['release'], 'once');
rule('COMMENT', all, 'once', 'body');
rule('LICENSE', groups, 'once');
rule('CONTACT', groups);
rule('WEBSITE', groups);
rule('SUPPORT', groups);
rule('PROVIDE', groups);
rule('REPLACE', groups);
rule('REQUIRE', groups);
rule('SUGGEST', groups);
rule('TOOLING', groups);
rule('GETFILE', build);
rule('PUTFILE', build, 'body');
rule('PATCHES', build);
rule('COMPILE', build, 'body');
rule('INSPECT', build, 'body');
rule('INSTALL', build, 'body');
rule('EXPUNGE', build, 'body');
rule('SCRIPTS', all, 'body');
rule('DISTURL', groups, 'once');
rule('DISTREL', groups, 'once');
rule('DISTGEN', groups, 'once');
rule('PKGREPO', groups, 'once');
rule('PKGDATE', groups, 'once');
rule('PKGSIGN', groups, 'once');
rule('IMPORTS', ['release', 'profile']);
rule('TARGETS', profiles);
rule('ENABLES', profiles);
rule('DISABLE', profiles);
rule('WRITING', profiles, 'once');
rule('HEALTHY', profiles, 'once', 'body');
rule('APPLIES', profiles);
rule('PERMITS', ['package', 'profile']);

const aliases = new Map([
  ['BUGTALK', 'SUPPORT'],
  ['BUILDER', 'COMPILE'],
  ['TESTING', 'INSPECT'],
  ['REMOVES', 'EXPUNGE'],
  ['REMOVED', 'EXPUNGE'],
]);

const headers = new Map<string, Kind>([
  ['PACKAGE', 'package'],
  ['RELEASE', 'release'],
  ['PROFILE', 'profile'],
]);

/** The rule for a keyword or an alias of one; null for a word that is neither. */
export function ruleOf(keyword: string): Rule | null {
  return rules.get(aliases.get(keyword) ?? keyword) ?? null;
}

/** The kind of recipe that a header begins; null for what is no header. */
export function headerOf(canonical: string): Kind | null {
  return headers.get(canonical) ?? null;
}

export function foreignTo(kind: Kind, { kinds }: Rule): boolean {
  return !kinds.includes(kind);
}

/** The keywords that may stand in a recipe of this kind; before its header is known, the headers. */
export function wordsOf(kind: Kind | null): string[] {
  if (kind === null) return [...headers.keys()];
  return [...rules.values()].filter(({ kinds }) => kinds.includes(kind)).map(({ canonical }) => canonical);
}
