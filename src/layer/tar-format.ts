import { NanolinError } from '../error/index.ts';

export const block = 512;

/** `LENGTH KEY=VALUE\n`, each byte one character; `text` is the whole record. */
export interface PaxRecord {
  readonly key: string;
  readonly value: string;
  readonly text: string;
}

export function readPax(body: Buffer): PaxRecord[] {
  const records: PaxRecord[] = [];
  const text = body.toString('latin1');
  for (let at = 0; at < text.length; ) {
    const [match, digits = ''] = /^(\d{1,7}) /.exec(text.slice(at, at + 9)) ?? [''];
    const end = at + Number(digits);
    const record = text.slice(at, end);
    const equals = record.indexOf('=');
    if (match === '' || end > text.length || equals < match.length || !record.endsWith('\n'))
      throw damaged('a damaged extended header');
    records.push({
      key: record.slice(match.length, equals),
      value: record.slice(equals + 1, -1),
      text: record,
    });
    at = end;
  }
  return records;
}

/** An extended header with these records; nothing at all for none. */
export function printPax(header: Buffer, records: readonly PaxRecord[]): Buffer[] {
  if (records.length === 0) return [];
  const text = Buffer.from(records.map(record => record.text).join(''), 'latin1');
  const own = Buffer.from(header);
  own.write(`${text.length.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  return [sum(own), Buffer.concat([text], padded(text.length))];
}

/** In place. */
export function setMode(header: Buffer, mode: number): void {
  header.write(`${mode.toString(8).padStart(7, '0')}\0`, 100, 'latin1');
  sum(header);
}

/** Six digits, NUL, space; the field itself counts as spaces (POSIX.1-2017, pax, ustar interchange format). */
function sum(header: Buffer): Buffer {
  header.fill(' ', 148, 156);
  const total = header.reduce((all, byte) => all + byte, 0);
  header.write(`${total.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

export function ustarName(header: Buffer): string {
  const prefix = header.toString('latin1', 257, 262) === 'ustar' ? textAt(header, 345, 155) : '';
  const name = textAt(header, 0, 100);
  return prefix === '' ? name : `${prefix}/${name}`;
}

export function textAt(header: Buffer, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  const end = field.indexOf(0);
  return field.toString('latin1', 0, end < 0 ? length : end);
}

/** Octal digits, or GNU's base-256 where the first bit is set. */
export function numberAt(header: Buffer, at: number, length: number): number {
  if (((header[at] ?? 0) & 0x80) === 0) {
    const digits = textAt(header, at, length).trim();
    return digits === '' ? 0 : /^[0-7]+$/.test(digits) ? Number.parseInt(digits, 8) : Number.NaN;
  }
  let value = (header[at] ?? 0) & 0x7f;
  for (let i = at + 1; i < at + length; i++) value = value * 256 + (header[i] ?? 0);
  return value;
}

export function padded(size: number): number {
  if (!Number.isSafeInteger(size) || size < 0) throw damaged('an entry without a sound size');
  return Math.ceil(size / block) * block;
}

/** Exact lengths out of chunks of any length. */
export class Bytes {
  readonly #chunks: AsyncIterator<Buffer>;
  #held: Buffer = Buffer.alloc(0);

  constructor(source: AsyncIterable<Buffer>) {
    this.#chunks = source[Symbol.asyncIterator]();
  }

  /** Exactly this many bytes, or null when the source ends before. */
  async take(length: number): Promise<Buffer | null> {
    const parts = [this.#held];
    let have = this.#held.length;
    while (have < length) {
      const next = await this.#chunks.next();
      if (next.done) return null;
      parts.push(next.value);
      have += next.value.length;
    }
    const all = parts.length === 1 ? this.#held : Buffer.concat(parts);
    this.#held = all.subarray(length);
    return all.subarray(0, length);
  }

  async *pass(length: number): AsyncGenerator<Buffer> {
    for (let left = length; left > 0; ) {
      if (this.#held.length === 0) {
        const next = await this.#chunks.next();
        if (next.done) throw truncated('the archive ends inside a file');
        this.#held = next.value;
      }
      const part = this.#held.subarray(0, left);
      this.#held = this.#held.subarray(part.length);
      left -= part.length;
      yield part;
    }
  }

  async *rest(): AsyncGenerator<Buffer> {
    yield this.#held;
    for (let next = await this.#chunks.next(); !next.done; next = await this.#chunks.next()) yield next.value;
  }
}

export function truncated(message: string): NanolinError {
  return new NanolinError('source-unreadable', message, 'fetch it again');
}

function damaged(message: string): NanolinError {
  return new NanolinError('image-hostile', message, 'nothing of it was kept');
}
