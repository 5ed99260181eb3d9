import { isUtf8 } from 'node:buffer';
import { syntaxError } from './recipe-report.ts';

/** Largest recipe that is read, in bytes of UTF-8. */
export const maxRecipeBytes = 16 * 1024 * 1024;
/** Longest line of a recipe, in UTF-16 units. */
export const maxRecipeLine = 1024 * 1024;
/** Most lines in a recipe. */
export const maxRecipeLines = 500_000;

/** A recipe's bytes as text: of bounded size, well-formed UTF-8, without NUL. Throws `recipe-syntax` with the place. */
export function recipeText(source: Uint8Array | string, file: string): string {
  const size = typeof source === 'string' ? Buffer.byteLength(source) : source.byteLength;
  if (size > maxRecipeBytes)
    throw syntaxError(
      file,
      1,
      1,
      null,
      `${size} bytes, expected at most ${maxRecipeBytes}`,
      'fetch large files with GETFILE',
    );
  const text = typeof source === 'string' ? wellFormed(source, file) : decode(source, file);
  if (text.startsWith('\ufeff')) throw syntaxError(file, 1, 1, null, 'byte order mark, expected plain UTF-8');
  const nul = text.indexOf('\0');
  if (nul >= 0) throw at(text, nul, file, 'NUL byte, expected text');
  return text;
}

/**
 * Where a character stands that a reader would not see, or that would have a line read in another order than the program
 * does: controls, U+2028 and U+2029, bidirectional overrides (CVE-2021-42574), a byte order mark. -1 if there is none.
 */
export function invisibleAt(line: string): number {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  return line.search(/[\0-\x08\x0a-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060-\u2069\ufeff]/);
}

/** A word of the input for a message: short, and with nothing in it that a terminal would obey. */
export function quoted(word: string): string {
  const short = word.length > 40 ? `${word.slice(0, 40)}...` : word;
  return short.replace(/[^!-~\p{L}\p{N}\p{P}\p{S}]/gu, c => `\\u{${c.codePointAt(0)?.toString(16)}}`);
}

function decode(bytes: Uint8Array, file: string): string {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (isUtf8(buffer)) return buffer.toString('utf8');
  // The first line that is not UTF-8: no UTF-8 sequence holds the byte of a newline, so lines can be judged one by one.
  let line = 1;
  for (let start = 0; ; line++) {
    const newline = buffer.indexOf(0x0a, start);
    const end = newline < 0 ? buffer.length : newline;
    if (newline < 0 || !isUtf8(buffer.subarray(start, end))) {
      const good = buffer.toString('utf8', start, end).indexOf('\ufffd');
      throw syntaxError(file, line, good + 1, null, 'invalid UTF-8');
    }
    start = end + 1;
  }
}

function wellFormed(text: string, file: string): string {
  const lone = text.search(/\p{Surrogate}/u);
  if (lone >= 0) throw at(text, lone, file, 'half a surrogate pair, expected text');
  return text;
}

function at(text: string, index: number, file: string, what: string): Error {
  const before = text.slice(0, index);
  const line = before.split('\n').length;
  return syntaxError(file, line, index - before.lastIndexOf('\n'), null, what);
}
