import { createHash } from 'node:crypto';

/** A public key as OpenBSD's signify(1) keeps it. */
export interface PublicKey {
  /** Free text, part of no check: it never chooses a key. */
  readonly comment: string;
  /** Eight random bytes, 16 hex digits: a hint where to look, which anybody can copy. */
  readonly number: string;
  /** The point of RFC 8032, 32 bytes. */
  readonly point: Uint8Array;
}

/** A secret key as it lies in a file; `unsealKey` makes it usable. */
export interface SealedKey {
  readonly comment: string;
  readonly number: string;
  /** Of bcrypt_pbkdf; 0 without a pass-phrase. */
  readonly rounds: number;
  readonly salt: Uint8Array;
  /** First eight bytes of the SHA-512 of the open secret. */
  readonly checksum: Uint8Array;
  /** Seed and point, 64 bytes, exclusive-or what the pass-phrase gives. */
  readonly sealed: Uint8Array;
}

/** A secret key that can sign. */
export interface SecretKey {
  readonly number: string;
  /** The private key of RFC 8032, 32 bytes. */
  readonly seed: Uint8Array;
}

export interface Signature {
  /** Number of the key that is said to have signed. */
  readonly number: string;
  /** 64 bytes. No identity: whoever knows one valid signature may know others of the same text. */
  readonly bytes: Uint8Array;
}

/** Largest key or signature file with the text embedded in it, in bytes. */
export const maxSignifyBytes = 16 * 1024;

/** SHA-256 of the public key's 32 bytes, 64 hex digits: what people compare. Neither comment nor key number is in it. */
export function fingerprintOf({ point }: Pick<PublicKey, 'point'>): string {
  return createHash('sha256').update(point).digest('hex');
}
