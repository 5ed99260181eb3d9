import { NanolinError } from '../error/index.ts';
import { limits } from './limits.ts';
import {
  Bytes,
  block,
  numberAt,
  type PaxRecord,
  padded,
  printPax,
  readPax,
  setMode,
  textAt,
  truncated,
  ustarName,
} from './tar-format.ts';

type Kind = 'file' | 'dir' | 'link';

const kinds: Readonly<Record<string, Kind>> = { '0': 'file', '1': 'file', '2': 'link', '5': 'dir' };
const refusedTypes: Readonly<Record<string, string>> = {
  '3': 'a character device',
  '4': 'a block device',
  '6': 'a FIFO',
};

/** Owners and modes of an entry, as the stream says them. */
export type Tell = (path: string, owner: { mode: number; uid: number; gid: number }) => void;

/**
 * Passes a tar stream on, each entry only after its header was judged: an entry that would land outside the tree, go through a
 * symbolic link, come twice or break a limit never reaches the program that unpacks. The stream is libarchive's own pax output, so there
 * are not two readers with two opinions. Attributes are put in one order on the way (see `orderAttributes`). With `tell`, the one who unpacks
 * is no root: he is told owners and modes, and gets files that he can read and attributes that he can set. Throws image-hostile.
 */
export async function* checkTar(
  source: AsyncIterable<Buffer>,
  onBytes: (bytes: number) => void = () => {},
  tell: Tell | null = null,
): AsyncGenerator<Buffer> {
  const bytes = new Bytes(source);
  const tree = new SeenTree();
  let extended = new Map<string, string>();
  for (;;) {
    const header = await bytes.take(block);
    if (header === null) throw truncated('the archive ends without its end mark');
    if (header.every(byte => byte === 0)) {
      yield header;
      yield* bytes.rest();
      return;
    }
    const type = String.fromCharCode(header[156] ?? 0);
    const size = numberAt(header, 124, 12);
    if (type === 'x') {
      if (size > limits.pax) throw hostile(`an extended header of ${size} bytes`);
      const body = await bytes.take(padded(size));
      if (body === null) throw truncated('the archive ends inside an extended header');
      const records = readPax(body.subarray(0, size));
      extended = new Map(records.map(({ key, value }) => [key, value]));
      yield* printPax(header, orderAttributes(tell ? records.filter(isSettable) : records));
      continue;
    }
    const stored = extended.has('size') ? Number(extended.get('size')) : size;
    tree.add({
      path: extended.get('GNU.sparse.name') ?? extended.get('path') ?? ustarName(header),
      link: extended.get('linkpath') ?? textAt(header, 157, 100),
      type,
      stored,
      real: Number(extended.get('GNU.sparse.realsize') ?? stored),
    });
    if (tell && type !== '1') {
      const number = (key: string, at: number) => Number(extended.get(key) ?? numberAt(header, at, 8));
      const mode = numberAt(header, 100, 8) & 0o7777;
      tell(tree.last, { mode, uid: number('uid', 108), gid: number('gid', 116) });
      setMode(header, type === '5' ? (mode & 0o777) | 0o700 : (mode & 0o777) | 0o600);
    }
    extended = new Map();
    onBytes(tree.bytes);
    yield header;
    yield* bytes.pass(padded(stored));
  }
}

interface Member {
  readonly path: string;
  readonly link: string;
  readonly type: string;
  /** Bytes in the archive, and bytes of the file: a sparse one is longer. */
  readonly stored: number;
  readonly real: number;
}

/** What the archive has named so far; names are latin1, one character for one byte. */
class SeenTree {
  readonly #seen = new Map<string, Kind>([['', 'dir']]);
  readonly #names = new Map<string, number>();
  bytes = 0;
  /** The path that was added last. */
  last = '';

  add(member: Member): void {
    const kind = kinds[member.type];
    const path = this.#normal(member.path);
    if (kind === undefined)
      throw hostile(
        `${show(path)} is ${refusedTypes[member.type] ?? `of the unknown type ${show(member.type)}`}`,
      );
    if (
      !Number.isSafeInteger(member.stored) ||
      member.stored < 0 ||
      !Number.isSafeInteger(member.real) ||
      member.real < 0
    )
      throw hostile(`${show(path)} has no sound size`);
    this.bytes += member.real;
    if (this.bytes > limits.bytes) throw hostile(`its files have more than ${limits.bytes} bytes`);
    if (member.type !== '0' && member.stored !== 0)
      throw hostile(`${show(path)} carries data and is no file`);
    this.#addAncestors(path);
    if (member.type === '1') this.#checkHardLink(path, this.#normal(member.link));
    this.#put(path, kind);
    this.last = path;
  }

  #normal(raw: string): string {
    const parts = raw.split('/').filter(part => part !== '' && part !== '.');
    if (parts.includes('..')) throw hostile(`the name ${show(raw)} leaves the tree`);
    if (raw.includes('\0')) throw hostile(`the name ${show(raw)} holds a NUL`);
    if (parts.some(part => part.length > limits.name))
      throw hostile(`the name ${show(raw)} is longer than ${limits.name} bytes`);
    if (parts.length > limits.depth)
      throw hostile(`${show(raw)} is more than ${limits.depth} directories deep`);
    const path = parts.join('/');
    if (path.length > limits.path)
      throw hostile(`the path ${show(path)} is longer than ${limits.path} bytes`);
    return path;
  }

  #addAncestors(path: string): void {
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const ancestor = path.slice(0, at);
      const kind = this.#seen.get(ancestor);
      if (kind === 'dir') return;
      if (kind !== undefined)
        throw hostile(
          `${show(path)} goes through ${show(ancestor)}, which is ${kind === 'link' ? 'a symbolic link' : 'a file'}`,
        );
      this.#put(ancestor, 'dir');
    }
  }

  #put(path: string, kind: Kind): void {
    const before = this.#seen.get(path);
    if (before === 'dir' && kind === 'dir') return;
    if (before !== undefined) throw hostile(`${show(path)} comes twice`);
    this.#seen.set(path, kind);
    if (this.#seen.size > limits.entries) throw hostile(`it has more than ${limits.entries} entries`);
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    const names = (this.#names.get(parent) ?? 0) + 1;
    if (names > limits.namesInDirectory)
      throw hostile(`the directory /${show(parent)} has more than ${limits.namesInDirectory} names`);
    this.#names.set(parent, names);
  }

  #checkHardLink(path: string, target: string): void {
    const kind = this.#seen.get(target);
    if (kind !== 'file' && kind !== 'link')
      throw hostile(`${show(path)} is a hard link to ${show(target)}, which the archive does not hold`);
  }
}

/**
 * mkfs.erofs and mksquashfs store attributes in the order in which the file system lists them. ext4 lists them as they were set and
 * tmpfs from the last name to the first, so setting them from the last to the first gives the same image on both.
 */
function orderAttributes(records: readonly PaxRecord[]): PaxRecord[] {
  const attributes = records.filter(isAttribute).sort((a, b) => (a.key < b.key ? 1 : -1));
  return [...records.filter(record => !isAttribute(record)), ...attributes];
}

const isAttribute = ({ key }: PaxRecord): boolean =>
  key.startsWith('SCHILY.xattr.') || key.startsWith('LIBARCHIVE.xattr.');

/** Only root sets capabilities and what is in `trusted.` (xattr(7)). */
const isSettable = (record: PaxRecord): boolean =>
  !isAttribute(record) || /^(?:SCHILY|LIBARCHIVE)\.xattr\.user\./.test(record.key);

function show(name: string): string {
  return JSON.stringify(Buffer.from(name, 'latin1').toString('utf8').slice(0, 120));
}

function hostile(message: string): NanolinError {
  return new NanolinError('image-hostile', message, 'nothing of it was kept; look at it with bsdtar -tvf');
}
