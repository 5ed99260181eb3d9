import { debianVersion, isPackageName } from '../formats/index.ts';

/** Relations as a recipe writes them, and what could not be said in them. */
export interface Relations {
  readonly words: readonly string[];
  readonly notes: readonly string[];
}

const signs: Record<string, string> = {
  '>=': '>=',
  '<=': '<=',
  '=': '=',
  '>>': '>',
  '<<': '<',
  '>': '>=',
  '<': '<=',
};

/** A relation field of Debian's (policy 7.1). Of alternatives the first is taken, a version that is none of ours is left out; both are noted. */
export function relationsFrom(field: string, text: string): Relations {
  const words: string[] = [];
  const notes: string[] = [];
  for (const item of text
    .replace(/\n/g, ' ')
    .split(',')
    .map(part => part.trim())
    .filter(Boolean)) {
    const [first = '', ...others] = item.split('|').map(part => part.trim());
    const [, name = '', sign, version] =
      /^([a-z0-9][a-z0-9+.-]*)(?::[a-z0-9]+)?(?:\s*\(\s*([<>=]+)\s*([^\s)]+)\s*\))?(?:\s*\[[^\]]*\])?$/.exec(
        first,
      ) ?? [];
    if (!isPackageName(name)) {
      notes.push(`${field}: ${JSON.stringify(first.slice(0, 80))} is not a relation that a recipe has`);
      continue;
    }
    if (others.length > 0) notes.push(`${field}: of ${item.slice(0, 200)} the first is taken`);
    words.push(
      sign === undefined || version === undefined ? name : `${name}${boundOf(sign, version, notes)}`,
    );
  }
  return { words: [...new Set(words)], notes };
}

function boundOf(sign: string, version: string, notes: string[]): string {
  try {
    return `${signs[sign] ?? '='}${debianVersion(version)}`;
  } catch {
    notes.push(`the version ${version.slice(0, 80)} was left out`);
    return '';
  }
}
