import { sign, verify } from 'node:crypto';
import { NanolinError } from '../error/index.ts';
import type { PublicKey, SecretKey, Signature } from './signify.ts';
import { privateKey, publicKey } from './signify-der.ts';
import { parseSignifyFile, printSignifyFile } from './signify-file.ts';

/** A detached signature. `keyName` goes into the untrusted comment, where the stock program looks for a hint. */
export function signDetached(key: SecretKey, text: Uint8Array, { keyName }: { keyName: string }): string {
  const bytes = sign(null, text, privateKey(key.seed));
  return printSignifyFile(`verify with ${keyName}.pub`, [Buffer.from(key.number, 'hex'), bytes]);
}

/** As `signify -S -e`: the signature with its text behind it. */
export function signEmbedded(key: SecretKey, text: Uint8Array, about: { keyName: string }): Buffer {
  return Buffer.concat([Buffer.from(signDetached(key, text, about)), text]);
}

/** Takes a signature file apart; a detached one has an empty text. Nothing is verified. Throws signature-invalid. */
export function parseSignature(
  bytes: Uint8Array,
  { file }: { file: string },
): { signature: Signature; text: Buffer } {
  const what = { file, what: 'a signature', length: 74, code: 'signature-invalid' } as const;
  const { blob, rest } = parseSignifyFile(bytes, what);
  return { signature: { number: blob.toString('hex', 2, 10), bytes: blob.subarray(10) }, text: rest };
}

/**
 * Which of the keys signed the text. The number in the signature says where to look and no more: a foreign key that copied it is
 * refused by the signature (HOSTILE 2), and so is S + L (HOSTILE 5; OpenSSL holds to RFC 8032, 5.1.7). Throws unsigned when no key
 * has that number, signature-invalid when none of those that have it signed this.
 */
export function verifyText<Key extends PublicKey>(
  keys: readonly Key[],
  { number, bytes }: Signature,
  text: Uint8Array,
  { file }: { file: string },
): Key {
  const named = keys.filter(key => key.number === number);
  if (named.length === 0)
    throw new NanolinError(
      'unsigned',
      `${file} is signed by a key that is not trusted here (key number ${number})`,
      'get the public key from whom you trust, then: nanolin key trust FILE',
    );
  const signer = named.find(key => verify(null, text, publicKey(key.point), bytes));
  if (signer) return signer;
  throw new NanolinError(
    'signature-invalid',
    `the signature in ${file} does not fit`,
    'the text was changed, or somebody else signed it: fetch it again',
  );
}

/** As `signify -V -e`: the text of an embedded signature, once it is known who signed it. */
export function openEmbedded<Key extends PublicKey>(
  keys: readonly Key[],
  bytes: Uint8Array,
  about: { file: string },
): { key: Key; text: Buffer } {
  const { signature, text } = parseSignature(bytes, about);
  return { key: verifyText(keys, signature, text, about), text };
}
