import { NanolinError } from '../error/index.ts';
import type { PublicKey, SealedKey } from './signify.ts';
import { parseSignifyFile, printSignifyFile } from './signify-file.ts';
import { judgePoint } from './signify-point.ts';

const kdf = 'BK';
/** The stock program takes 42; a key that asks for hours was made by somebody else. */
const maxRounds = 1000;

/** Reads a .pub file and nothing more than one key. Throws key-invalid, also for a key that protects nothing. */
export function parsePublicKey(bytes: Uint8Array, { file }: { file: string }): PublicKey {
  const code = 'key-invalid';
  const { comment, blob, rest } = parseSignifyFile(bytes, { file, what: 'a public key', length: 42, code });
  if (rest.length > 0) throw new NanolinError(code, `${file} has something after its key`);
  const point = blob.subarray(10);
  const why = judgePoint(point);
  if (why !== null) throw new NanolinError(code, `the key in ${file} is unsafe: ${why}`, 'do not use it');
  return { comment, number: blob.toString('hex', 2, 10), point };
}

export function printPublicKey({ comment, number, point }: PublicKey): string {
  return printSignifyFile(comment, [Buffer.from(number, 'hex'), point]);
}

/** Reads a .sec file, still sealed. Throws key-invalid. */
export function parseSecretKey(bytes: Uint8Array, { file }: { file: string }): SealedKey {
  const code = 'key-invalid';
  const { comment, blob, rest } = parseSignifyFile(bytes, { file, what: 'a secret key', length: 104, code });
  if (rest.length > 0) throw new NanolinError(code, `${file} has something after its key`);
  const rounds = blob.readUInt32BE(4);
  if (blob.toString('latin1', 2, 4) !== kdf || rounds > maxRounds)
    throw new NanolinError(code, `the secret key in ${file} is sealed in a way that is not known here`);
  return {
    ...{ comment, number: blob.toString('hex', 32, 40), rounds },
    ...{ salt: blob.subarray(8, 24), checksum: blob.subarray(24, 32), sealed: blob.subarray(40) },
  };
}

export function printSecretKey({ comment, number, rounds, salt, checksum, sealed }: SealedKey): string {
  const head = Buffer.from(`${kdf}....`, 'latin1');
  head.writeUInt32BE(rounds, 2);
  return printSignifyFile(comment, [head, salt, checksum, Buffer.from(number, 'hex'), sealed]);
}
