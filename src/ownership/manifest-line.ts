import { NanolinError } from '../error/index.ts';

const newline = 10;
const space = 32;
const hash = 35;
const dot = 46;
const slash = 47;
const backslash = 92;

export function nextLine(bytes: Uint8Array, at: number): number {
  const end = bytes.indexOf(newline, at);
  return end < 0 ? bytes.length : end + 1;
}

/** Start of the line that holds the byte `at`. */
export function lineStart(bytes: Uint8Array, at: number): number {
  let start = at;
  while (start > 0 && bytes[start - 1] !== newline) start--;
  return start;
}

export function isComment(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === hash || bytes[at] === newline;
}

/** Below, equal to or above zero: the path of the line at `at` sorts before, is, or sorts after `key` by bytes. Allocates nothing. */
export function comparePath(bytes: Uint8Array, at: number, key: string): number {
  let from = pathStart(bytes, at);
  for (let index = 0; ; index++) {
    let byte = bytes[from];
    if (byte === undefined || byte === space || byte === newline) return index === key.length ? 0 : -1;
    if (index === key.length) return 1;
    if (byte === backslash) {
      byte = octal(bytes, from + 1);
      from += 3;
    }
    if (byte !== key.charCodeAt(index)) return byte - key.charCodeAt(index);
    from++;
  }
}

export function pathAt(bytes: Buffer, at: number): string {
  const start = pathStart(bytes, at);
  return unescaped(bytes.toString('latin1', start, wordEnd(bytes, start)));
}

/** The `keyword=value` words after the path, values as written. */
export function wordsAt(bytes: Buffer, at: number): Partial<Record<string, string>> {
  const words: Partial<Record<string, string>> = {};
  for (const word of textOf(bytes, wordEnd(bytes, at) + 1).split(' ')) {
    const split = word.indexOf('=');
    words[word.slice(0, split)] = word.slice(split + 1);
  }
  return words;
}

const mark = '#xattr ';

/** Name and base64 of the entry's extended attributes: they are the comment lines behind its own. */
export function xattrsAt(bytes: Buffer, at: number): [name: string, base64: string][] {
  const xattrs: [string, string][] = [];
  for (let line = nextLine(bytes, at); bytes[line] === hash; line = nextLine(bytes, line)) {
    const text = textOf(bytes, line);
    if (!text.startsWith(mark)) continue;
    const word = text.slice(text.indexOf(' ', mark.length) + 1);
    const split = word.indexOf('=');
    xattrs.push([unescaped(word.slice(0, split)), word.slice(split + 1)]);
  }
  return xattrs;
}

/** mtree(5) writes a byte outside the printable ones as a backslash and three octal digits. */
export function unescaped(word: string): string {
  if (!word.includes('\\')) return word;
  return word.replace(/\\([0-3][0-7][0-7])/g, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 8)),
  );
}

/** Full paths begin with `./`; the root is `.` alone. */
function pathStart(bytes: Uint8Array, at: number): number {
  if (bytes[at] !== dot)
    throw new NanolinError('image-invalid', `manifest has no path at byte ${at}`, 'import the layer again');
  return bytes[at + 1] === slash ? at + 2 : at + 1;
}

function textOf(bytes: Buffer, from: number): string {
  const end = bytes.indexOf(newline, from);
  return bytes.toString('latin1', from, end < 0 ? bytes.length : end);
}

function wordEnd(bytes: Uint8Array, at: number): number {
  let end = at;
  while (end < bytes.length && bytes[end] !== space && bytes[end] !== newline) end++;
  return end;
}

function octal(bytes: Uint8Array, at: number): number {
  return ((bytes[at] ?? 0) & 7) * 64 + ((bytes[at + 1] ?? 0) & 7) * 8 + ((bytes[at + 2] ?? 0) & 7);
}
