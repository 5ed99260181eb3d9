/** Can the word be meant as a pattern? A path that is there by that very name is taken for itself first. */
export function isPattern(word: string): boolean {
  return /[*?[]/.test(word);
}

/**
 * How far a pattern has come on the way down. `*`, `?` and `[a-z]`, `[!a-z]` stay within a name, `**` stands for any number of
 * names, a backslash takes the next character for itself. A dot at the start is nothing special, as in dpkg-query(1).
 */
export interface Pattern {
  /** What is left of the pattern below `name`; null where nothing can match any more. */
  below(name: string): Pattern | null;
  /** Does it match what it has come to? */
  readonly ends: boolean;
}

/** Of the names between the slashes of a pattern. */
export function patternOf(parts: readonly string[]): Pattern {
  return stateOf(
    parts.map(part => (part === '**' ? null : tokensOf(part))),
    new Set([0]),
  );
}

type Part = readonly Token[] | null;

function stateOf(parts: readonly Part[], places: Set<number>): Pattern {
  // A `**` may stand for nothing; the set grows while it is gone through.
  for (const place of places) if (parts[place] === null) places.add(place + 1);
  return {
    ends: places.has(parts.length),
    below(name) {
      const next = new Set<number>();
      for (const place of places) {
        const part = parts[place];
        if (part === null) next.add(place);
        else if (part !== undefined && fits(part, name)) next.add(place + 1);
      }
      return next.size === 0 ? null : stateOf(parts, next);
    },
  };
}

/** `*`, or the test of one character. */
type Token = '*' | ((character: string) => boolean);

function tokensOf(part: string): Token[] {
  const tokens: Token[] = [];
  for (const [word, escaped, not, set] of part.matchAll(/\\(.)|\[([!^]?)(\]?[^\]]*)\]|./gsu)) {
    if (escaped !== undefined) tokens.push(character => character === escaped);
    else if (set !== undefined) {
      const inside = setOf(set);
      tokens.push(character => inside(character) === (not === ''));
    } else if (word === '*') tokens.push('*');
    else tokens.push(word === '?' ? () => true : character => character === word);
  }
  return tokens;
}

function setOf(text: string): (character: string) => boolean {
  const ranges = [...text.matchAll(/(.)-(.)|(.)/gsu)].map(([, from, to, one]) => [from ?? one, to ?? one]);
  return character => ranges.some(([from = '', to = '']) => from <= character && character <= to);
}

/** Goes back to the last `*` alone, so that no name makes it take long. */
function fits(tokens: readonly Token[], text: string): boolean {
  const name = [...text];
  let [at, token] = [0, 0];
  let star: { token: number; at: number } | null = null;
  while (at < name.length) {
    const test = tokens[token];
    if (test === '*') {
      star = { token, at };
      token++;
    } else if (test?.(name[at] ?? '')) {
      at++;
      token++;
    } else if (star !== null) {
      star.at++;
      [at, token] = [star.at, star.token + 1];
    } else return false;
  }
  return tokens.slice(token).every(left => left === '*');
}
