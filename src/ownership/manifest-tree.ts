import { NanolinError } from '../error/index.ts';
import {
  comparePath,
  isComment,
  lineStart,
  nextLine,
  pathAt,
  unescaped,
  wordsAt,
  xattrsAt,
} from './manifest-line.ts';
import { below, type Node, type Tree, telling } from './tree.ts';

/**
 * The tree of a canonical manifest (FORMATS.md), `from` being the subtree that is stacked, '' for the whole of it. The bytes are
 * the data structure: they are sorted, so a look-up bisects them where they lie, and a layer that nobody asks costs nothing.
 * A line that is no manifest line throws `image-invalid` when it is met; order and completeness were checked on import.
 */
export function manifestTree(bytes: Uint8Array, from: string): Tree {
  return new ManifestTree(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength), from);
}

class ManifestTree implements Tree {
  readonly #bytes: Buffer;
  readonly #from: string;
  /** The line after the last one found: a walk asks in the order of the lines. */
  #hint = 0;
  #askedPath: string | undefined;
  #askedNode: Node | null = null;

  constructor(bytes: Buffer, from: string) {
    this.#bytes = bytes;
    this.#from = from;
  }

  entry(path: string): Node | null {
    if (path === this.#askedPath) return this.#askedNode;
    const key = this.#key(path);
    const at = this.#find(key);
    this.#askedPath = path;
    this.#askedNode = at < 0 ? null : new ManifestNode(this.#bytes, at);
    return this.#askedNode;
  }

  children(path: string): readonly string[] {
    const bytes = this.#bytes;
    const key = this.#key(path);
    const prefix = key === '' ? '' : `${key}/`;
    const names: string[] = [];
    let at = this.#lowerBound(prefix === '' ? '\0' : prefix, 0, bytes.length);
    this.#hint = at;
    while (at < bytes.length) {
      const found = pathAt(bytes, at);
      if (!found.startsWith(prefix)) break;
      const slash = found.indexOf('/', prefix.length);
      if (slash < 0) {
        names.push(found.slice(prefix.length));
        at = this.#entryAt(nextLine(bytes, at));
      } else {
        // '0' follows '/': the first path behind everything in that directory. It need not be the next child's,
        // as `a.b` sorts between `a` and `a/c`.
        at = this.#gallop(`${found.slice(0, slash)}0`, at);
      }
    }
    return names;
  }

  #key(path: string): string {
    return path === '' ? this.#from : below(this.#from, path);
  }

  #find(key: string): number {
    const bytes = this.#bytes;
    let at = this.#entryAt(this.#hint);
    if (at >= bytes.length || comparePath(bytes, at, key) !== 0) at = this.#lowerBound(key, 0, bytes.length);
    if (at >= bytes.length || comparePath(bytes, at, key) !== 0) return -1;
    this.#hint = nextLine(bytes, at);
    return at;
  }

  /** First entry line in [low, high) whose path is not below `key`, or `high`; both are starts of lines. */
  #lowerBound(key: string, low: number, high: number): number {
    const bytes = this.#bytes;
    while (low < high) {
      const middle = lineStart(bytes, (low + high) >>> 1);
      const at = this.#entryAt(middle);
      if (at < high && comparePath(bytes, at, key) < 0) low = nextLine(bytes, at);
      else high = middle;
    }
    return this.#entryAt(low);
  }

  /** As #lowerBound, quick when the answer is near `low`. */
  #gallop(key: string, low: number): number {
    const bytes = this.#bytes;
    for (let step = 512; low + step < bytes.length; step *= 2) {
      const at = this.#entryAt(lineStart(bytes, low + step));
      if (at >= bytes.length) break;
      if (comparePath(bytes, at, key) >= 0) return this.#lowerBound(key, low, at);
      low = at;
    }
    return this.#lowerBound(key, low, bytes.length);
  }

  #entryAt(line: number): number {
    let at = line;
    while (at < this.#bytes.length && isComment(this.#bytes, at)) at = nextLine(this.#bytes, at);
    return at;
  }
}

const kinds: Readonly<Record<string, Node['kind']>> = {
  file: 'file',
  dir: 'dir',
  link: 'link',
  char: 'other',
  block: 'other',
  fifo: 'other',
  socket: 'other',
};

class ManifestNode implements Node {
  readonly kind: Node['kind'];
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly size: number;
  readonly #content: string;
  readonly #bytes: Buffer;
  readonly #at: number;

  constructor(bytes: Buffer, at: number) {
    const { type = '', mode = '', uid, gid, size = '0', sha256, link, device = '' } = wordsAt(bytes, at);
    const kind = kinds[type];
    if (kind === undefined)
      throw new NanolinError(
        'image-invalid',
        `manifest gives no type at byte ${at}`,
        'import the layer again',
      );
    this.#bytes = bytes;
    this.#at = at;
    this.mode = Number.parseInt(mode, 8);
    this.uid = Number(uid);
    this.gid = Number(gid);
    this.size = Number(size);
    this.#content = sha256 ?? (link === undefined ? `${type} ${device}` : unescaped(link));
    this.kind = this.#isWhiteout(kind) ? 'whiteout' : kind;
  }

  get opaque(): boolean {
    // The other value, x, marks a directory that holds whiteouts in the form of xattrs, and hides nothing.
    return this.kind === 'dir' && this.#xattr('trusted.overlay.opaque') === 'y';
  }

  content(): string {
    return this.#content;
  }

  xattrs(): string {
    return xattrsAt(this.#bytes, this.#at)
      .filter(([name]) => telling(name))
      .map(([name, value]) => `${name}=${value}`)
      .sort()
      .join('\n');
  }

  #isWhiteout(kind: Node['kind']): boolean {
    if (kind === 'other') return this.#content === 'char native,0,0';
    return kind === 'file' && this.size === 0 && this.#xattr('trusted.overlay.whiteout') !== undefined;
  }

  #xattr(name: string): string | undefined {
    const base64 = xattrsAt(this.#bytes, this.#at).find(([one]) => one === name)?.[1];
    return base64 === undefined ? undefined : Buffer.from(base64, 'base64').toString('latin1');
  }
}
