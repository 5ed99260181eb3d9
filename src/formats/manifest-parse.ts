import { NanolinError } from '../error/index.ts';
import {
  type Entry,
  type EntryType,
  entryTypes,
  type Manifest,
  type ManifestHeader,
  maxManifestBytes,
  maxManifestLine,
} from './manifest.ts';
import { checkHeader, ManifestCheck } from './manifest-check.ts';
import { show, unescapeBytes } from './manifest-escape.ts';
import { printEntry, printHeader } from './manifest-lines.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

const types = new Map<string, EntryType>(entryTypes.map(type => [type, type]));

/**
 * Parses a manifest in our canonical form and in no other: what parses is what a print gives, byte for byte. Throws
 * `image-invalid` with file and line.
 */
export function parseManifest(bytes: Uint8Array, { file }: { file: string }): Manifest {
  return new Parser(bytes, file).parse();
}

class Parser {
  readonly bytes: Buffer;
  readonly file: string;
  readonly check: ManifestCheck;
  readonly entries: Entry[] = [];
  offset = 0;
  /** Number of the line read last, from 1; `at` is the one an error names. */
  line = 0;
  at = 0;

  constructor(bytes: Uint8Array, file: string) {
    this.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.file = file;
    this.check = new ManifestCheck(what => this.fail(what));
  }

  parse(): Manifest {
    if (this.bytes.length > maxManifestBytes) throw this.fail(`more than ${maxManifestBytes} bytes`);
    const header = this.readHeader();
    for (let line = this.next(); line !== null; ) {
      this.at = this.line;
      const entry = this.readEntry(line);
      let text = `${line}\n`;
      const xattrs: [string, Uint8Array][] = [];
      for (line = this.next(); line?.startsWith('#'); line = this.next()) {
        this.readNote(line, entry, xattrs);
        text += `${line}\n`;
      }
      if (xattrs.length > 0) entry.xattrs = Object.fromEntries(xattrs);
      this.check.entry(entry);
      this.canonical(text, printEntry(entry));
      this.entries.push(entry);
    }
    this.at = this.line;
    this.check.end();
    return { header, entries: this.entries };
  }

  /** The next line without its newline; null at the end. */
  next(): string | null {
    const start = this.offset;
    if (start === this.bytes.length) return null;
    const end = this.bytes.indexOf(0x0a, start);
    this.line++;
    if (end < 0 || end - start > maxManifestLine) {
      this.at = this.line;
      throw this.fail(end < 0 ? 'the last line has no newline' : `line longer than ${maxManifestLine} bytes`);
    }
    this.offset = end + 1;
    return this.bytes.toString('latin1', start, end);
  }

  readHeader(): ManifestHeader {
    this.at = 1;
    if (this.next() !== '#mtree') throw this.fail('expected #mtree');
    const header = {
      package: this.headerWord('package'),
      version: this.headerWord('version'),
      stamp: this.headerWord('stamp'),
      image: this.headerWord('image'),
      size: this.number('#size ', this.headerWord('size')),
      sha256: this.headerWord('sha256'),
    };
    const problem = checkHeader(header);
    if (problem !== null) throw this.fail(problem);
    this.at = 1;
    this.canonical(this.bytes.toString('latin1', 0, this.offset), printHeader(header));
    return header;
  }

  headerWord(key: string): string {
    const line = this.next();
    this.at = line === null ? this.line + 1 : this.line;
    if (line === null || !line.startsWith(`#${key} `)) throw this.fail(`expected #${key}`);
    return line.slice(key.length + 2);
  }

  readEntry(line: string): Mutable<Entry> {
    const words = line.split(' ');
    const name = words[0] as string;
    if (name !== '.' && !name.startsWith('./'))
      throw this.fail(`${show(line)}: expected a path that begins with ./`);
    const entry: Partial<Mutable<Entry>> = { path: unescapeBytes(name.slice(2)) };
    for (let i = 1; i < words.length; i++) this.readWord(words[i] as string, entry);
    for (const key of ['type', 'mode', 'uid', 'gid'] as const)
      if (entry[key] === undefined) throw this.fail(`${show(name)}: no ${key}=`);
    return entry as Mutable<Entry>;
  }

  readWord(word: string, entry: Partial<Mutable<Entry>>): void {
    const equals = word.indexOf('=');
    const value = word.slice(equals + 1);
    switch (word.slice(0, equals + 1)) {
      case 'type=': {
        const type = types.get(value);
        if (type === undefined) throw this.fail(`${show(word)}: expected one of ${entryTypes.join(' ')}`);
        entry.type = type;
        return;
      }
      case 'mode=':
        if (!/^[0-7]{1,7}$/.test(value)) throw this.fail(`${show(word)}: expected octal digits`);
        entry.mode = Number.parseInt(value, 8);
        return;
      case 'uid=':
        entry.uid = this.number('uid=', value);
        return;
      case 'gid=':
        entry.gid = this.number('gid=', value);
        return;
      case 'size=':
        entry.size = this.number('size=', value);
        return;
      case 'sha256=':
        entry.sha256 = value;
        return;
      case 'link=':
        entry.link = unescapeBytes(value);
        return;
      case 'device=': {
        const [, major, minor] = /^native,(\d{1,7}),(\d{1,7})$/.exec(value) ?? [];
        if (major === undefined) throw this.fail(`${show(word)}: expected native,MAJOR,MINOR`);
        entry.device = { major: Number(major), minor: Number(minor) };
        return;
      }
      case 'nlink=':
        entry.nlink = this.number('nlink=', value);
        return;
      case 'tags=':
        entry.tags = value.split(',');
        return;
      default:
        throw this.fail(`${show(word)}: unknown keyword`);
    }
  }

  /** A `#inode` or `#xattr` line; that its path is the entry's is seen when the entry is printed. */
  readNote(line: string, entry: Mutable<Entry>, xattrs: [string, Uint8Array][]): void {
    const [keyword, , word = '', ...rest] = line.split(' ');
    const equals = word.indexOf('=');
    if (keyword === '#inode' && rest.length === 0) {
      entry.inode = this.number('#inode ', word);
    } else if (keyword === '#xattr' && rest.length === 0 && equals > 0) {
      xattrs.push([unescapeBytes(word.slice(0, equals)), Buffer.from(word.slice(equals + 1), 'base64')]);
    } else {
      this.at = this.line;
      throw this.fail(`${show(line)}: expected #inode PATH NUMBER or #xattr PATH NAME=BASE64`);
    }
  }

  number(key: string, text: string): number {
    const value = Number(text);
    if (!/^\d{1,16}$/.test(text) || !Number.isSafeInteger(value))
      throw this.fail(`${key}${show(text)}: expected a number`);
    return value;
  }

  canonical(text: string, expected: string): void {
    if (text === expected) return;
    const wanted = expected.split('\n');
    const lines = text.split('\n');
    const differs = lines.findIndex((line, i) => line !== wanted[i]);
    this.at += differs;
    throw this.fail(`not in canonical form, expected ${show(wanted[differs] ?? '')}`);
  }

  fail(what: string): NanolinError {
    return new NanolinError('image-invalid', `${this.file}:${Math.max(this.at, 1)}: ${what}`);
  }
}
