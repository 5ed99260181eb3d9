import { NanolinError } from '../error/index.ts';
import { type Entry, type EntryType, entryTypes, maxManifestBytes, maxManifestLine } from './manifest.ts';

const escapes: Readonly<Record<string, string>> = {
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  s: ' ',
  t: '\t',
  v: '\v',
  '\\': '\\',
  '#': '#',
};

const maxDepth = 2048;

/**
 * Reads mtree(5) as other programs write it (`bsdtar --format=mtree`, NetBSD's `mtree -c`): /set and /unset, full and relative paths,
 * continued lines, other keywords passed over. Entries come in the order of the file and unchecked beyond their own form:
 * `printManifest` sorts and checks. Throws `image-invalid` with file and line. `inode` is what the file says.
 */
export function parseMtree(bytes: Uint8Array, { file = 'mtree' }: { file?: string } = {}): Entry[] {
  const reader = new MtreeReader(file);
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length > maxManifestBytes) throw reader.fail(`more than ${maxManifestBytes} bytes`);
  let text = '';
  for (let start = 0; start < buffer.length; ) {
    const newline = buffer.indexOf(0x0a, start);
    const end = newline < 0 ? buffer.length : newline;
    reader.line++;
    if (text.length + end - start > maxManifestLine)
      throw reader.fail(`line longer than ${maxManifestLine} bytes`);
    text += buffer.toString('latin1', start, end);
    start = end + 1;
    if (text.endsWith('\\') && !/^[ \t]*#/.test(text)) {
      text = `${text.slice(0, -1)} `;
      continue;
    }
    reader.read(text);
    text = '';
  }
  if (text !== '') throw reader.fail('the last line goes on after the end');
  return reader.entries;
}

class MtreeReader {
  readonly file: string;
  readonly entries: Entry[] = [];
  readonly directory: string[] = [];
  set = new Map<string, string>();
  line = 0;

  constructor(file: string) {
    this.file = file;
  }

  read(line: string): void {
    const [first, ...words] = line.split(/[ \t\r]+/).filter(word => word !== '');
    if (first === undefined || first.startsWith('#')) return;
    if (first === '/set') {
      this.set = this.keywords(words, this.set);
    } else if (first === '/unset') {
      for (const key of words) this.set.delete(key);
      if (words.includes('all')) this.set.clear();
    } else if (first === '..') {
      if (this.directory.pop() === undefined) throw this.fail('.. above the root');
    } else {
      this.readEntry(first, this.keywords(words, this.set));
    }
  }

  keywords(words: readonly string[], known: ReadonlyMap<string, string>): Map<string, string> {
    const keywords = new Map(known);
    for (const word of words) {
      const equals = word.indexOf('=');
      if (equals > 0) keywords.set(word.slice(0, equals), word.slice(equals + 1));
    }
    return keywords;
  }

  readEntry(name: string, keywords: ReadonlyMap<string, string>): void {
    const type = this.type(keywords);
    const path = this.path(name, type);
    const size = type === 'file' ? this.number(keywords, 'size', 10) : undefined;
    const sha256 =
      type === 'file' ? (keywords.get('sha256') ?? keywords.get('sha256digest'))?.toLowerCase() : undefined;
    const link = type === 'link' ? keywords.get('link') : undefined;
    const device = type === 'char' || type === 'block' ? this.device(keywords) : undefined;
    const nlink = type === 'dir' ? undefined : this.number(keywords, 'nlink', 10);
    const inode = nlink !== undefined && nlink > 1 ? this.number(keywords, 'inode', 10) : undefined;
    this.entries.push({
      path,
      type,
      mode: this.needed(keywords, 'mode', 8),
      uid: this.needed(keywords, 'uid', 10),
      gid: this.needed(keywords, 'gid', 10),
      ...(size !== undefined && { size }),
      ...(sha256 !== undefined && { sha256 }),
      ...(link !== undefined && { link: this.unescape(link) }),
      ...(device !== undefined && { device }),
      ...(inode !== undefined && nlink !== undefined && { nlink, inode }),
    });
  }

  /** A name with a slash is the whole path; one without is in the current directory, and a directory becomes that. */
  path(name: string, type: EntryType): string {
    const full = name.includes('/');
    const parts = full ? name.split('/').map(part => this.unescape(part)) : [this.unescape(name)];
    if (parts[0] === '.' && (full || this.directory.length === 0)) {
      parts.shift();
      // NetBSD's mtree opens the tree with `.` and closes it with `..`.
      if (!full && type === 'dir') this.directory.push('');
    }
    for (const part of parts)
      if (part === '' || part === '.' || part === '..' || /[\0/]/.test(part))
        throw this.fail('path is not normalised');
    if (full) return parts.join('/');
    const path = [...this.directory, ...parts].filter(part => part !== '').join('/');
    if (type === 'dir' && parts.length > 0) this.directory.push(parts[0] as string);
    if (this.directory.length > maxDepth) throw this.fail(`more than ${maxDepth} directories deep`);
    return path;
  }

  type(keywords: ReadonlyMap<string, string>): EntryType {
    const word = keywords.get('type');
    const type = entryTypes.find(known => known === word);
    if (type === undefined)
      throw this.fail(word === undefined ? 'no type=' : `unknown type ${JSON.stringify(word.slice(0, 40))}`);
    return type;
  }

  device(keywords: ReadonlyMap<string, string>): NonNullable<Entry['device']> {
    const [, major, minor] =
      /^(?:native|linux),(\d{1,7}),(\d{1,7})$/.exec(keywords.get('device') ?? '') ?? [];
    if (major === undefined) throw this.fail('expected device=native,MAJOR,MINOR');
    return { major: Number(major), minor: Number(minor) };
  }

  needed(keywords: ReadonlyMap<string, string>, key: string, base: 8 | 10): number {
    const value = this.number(keywords, key, base);
    if (value === undefined) throw this.fail(`no ${key}=`);
    return value;
  }

  number(keywords: ReadonlyMap<string, string>, key: string, base: 8 | 10): number | undefined {
    const text = keywords.get(key);
    if (text === undefined) return undefined;
    const value = (base === 8 ? /^[0-7]{1,7}$/ : /^\d{1,16}$/).test(text)
      ? Number.parseInt(text, base)
      : Number.NaN;
    if (!Number.isSafeInteger(value))
      throw this.fail(`${key}=${JSON.stringify(text.slice(0, 40))} is no number`);
    return value;
  }

  unescape(text: string): string {
    return text.replace(/\\([0-3][0-7]{2}|.|$)/g, (_, code: string) => {
      if (code.length === 3) return String.fromCharCode(Number.parseInt(code, 8));
      const char = escapes[code];
      if (char === undefined) throw this.fail(`unknown escape \\${code}`);
      return char;
    });
  }

  fail(what: string): NanolinError {
    return new NanolinError('image-invalid', `${this.file}:${Math.max(this.line, 1)}: ${what}`);
  }
}
