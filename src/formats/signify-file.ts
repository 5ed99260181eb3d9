import { type ErrorCode, NanolinError } from '../error/index.ts';
import { maxSignifyBytes } from './signify.ts';

/** The two lines of every signify file, and what follows them. */
interface SignifyFile {
  readonly comment: string;
  /** Algorithm, key number and the rest, as base64 had it. */
  readonly blob: Buffer;
  /** An embedded text, byte for byte. */
  readonly rest: Buffer;
}

export interface Reading {
  readonly file: string;
  /** What it should be, for messages: `a public key`. */
  readonly what: string;
  /** Bytes of the blob. */
  readonly length: number;
  readonly code: Extract<ErrorCode, 'key-invalid' | 'signature-invalid'>;
}

const mark = Buffer.from('untrusted comment: ');
const algorithm = 'Ed';
// COMMENTMAXLEN of signify.c with its NUL; the stock program also refuses an empty comment.
const maxComment = 1023;

/**
 * Reads comment line and base64 line. Stricter than the stock program, which skips white space in base64 and ignores what follows:
 * one key or signature has one spelling (HOSTILE 9). Throws `code`.
 */
export function parseSignifyFile(bytes: Uint8Array, { file, what, length, code }: Reading): SignifyFile {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fail = (why: string) => new NanolinError(code, `${file} is not ${what} of signify: ${why}`);
  if (text.length === 0) throw fail('it is empty');
  if (text.length > maxSignifyBytes) throw fail(`it has more than ${maxSignifyBytes} bytes`);
  if (!text.subarray(0, mark.length).equals(mark)) throw fail(`it does not begin with "${mark}"`);
  const end = text.indexOf('\n');
  const comment = text.subarray(mark.length, end < 0 ? text.length : end);
  if (end < 0 || comment.includes(0)) throw fail('its comment has no end, or a NUL in it');
  if (comment.length === 0 || comment.length > maxComment)
    throw fail(`its comment has ${comment.length} bytes, expected 1 to ${maxComment}`);
  const blobEnd = text.indexOf('\n', end + 1);
  if (blobEnd < 0) throw fail('its second line has no end');
  const base64 = text.toString('latin1', end + 1, blobEnd);
  const blob = Buffer.from(base64, 'base64');
  if (blob.toString('base64') !== base64) throw fail('its second line is not plain base64');
  if (blob.length !== length) throw fail(`its second line holds ${blob.length} bytes, expected ${length}`);
  if (blob.toString('latin1', 0, 2) !== algorithm) throw fail('it is not made for Ed25519');
  return { comment: comment.toString('utf8'), blob, rest: text.subarray(blobEnd + 1) };
}

export function printSignifyFile(comment: string, parts: readonly Uint8Array[]): string {
  const blob = Buffer.concat([Buffer.from(algorithm), ...parts]);
  return `${mark}${comment}\n${blob.toString('base64')}\n`;
}
