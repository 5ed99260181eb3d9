import { createHash, createPublicKey, randomBytes } from 'node:crypto';
import { NanolinError } from '../error/index.ts';
import type { PublicKey, SealedKey, SecretKey } from './signify.ts';
import { privateKey } from './signify-der.ts';

/** What the stock program takes. */
const rounds = 42;
// A buffer of signify.c with its NUL.
const maxPassword = 1023;

/** A new key pair, the secret half sealed with the pass-phrase, or open with null. Takes a second with one. */
export async function makeKeys(
  comment: string,
  password: string | null,
): Promise<{ publicKey: PublicKey; sealedKey: SealedKey }> {
  const seed = randomBytes(32);
  const number = randomBytes(8).toString('hex');
  const point = pointOf(seed);
  const open = Buffer.concat([seed, point]);
  const how = { rounds: password === null ? 0 : rounds, salt: randomBytes(16) };
  const sealed = xor(open, await stream(how, password));
  return {
    publicKey: { comment: `${comment} public key`, number, point },
    sealedKey: { comment: `${comment} secret key`, number, ...how, checksum: checksumOf(open), sealed },
  };
}

/**
 * Opens a sealed key; `password` is null for one without a pass-phrase. Takes a second with one. Throws refused for a wrong
 * pass-phrase, key-invalid for a key whose halves do not belong together: signing with such a pair gives the secret away.
 */
export async function unsealKey(key: SealedKey, password: string | null): Promise<SecretKey> {
  const open = xor(key.sealed, await stream(key, password));
  if (!checksumOf(open).equals(key.checksum))
    throw key.rounds === 0
      ? new NanolinError('key-invalid', 'the secret key is damaged: its checksum does not fit')
      : new NanolinError('refused', 'the pass-phrase does not open the key', 'try again');
  const seed = open.subarray(0, 32);
  if (!pointOf(seed).equals(open.subarray(32)))
    throw new NanolinError('key-invalid', 'the two halves of the secret key do not belong together');
  return { number: key.number, seed };
}

/** The 64 bytes that hide the secret. */
async function stream(key: Pick<SealedKey, 'rounds' | 'salt'>, password: string | null): Promise<Uint8Array> {
  const bytes = new Uint8Array(64);
  if (key.rounds === 0) return bytes;
  const phrase = Buffer.from(password ?? '');
  if (phrase.length === 0 || phrase.length > maxPassword || phrase.includes(0))
    throw new NanolinError('usage', `a pass-phrase has 1 to ${maxPassword} bytes and no NUL`);
  const { pbkdf } = await import('bcrypt-pbkdf');
  if (pbkdf(phrase, phrase.length, key.salt, key.salt.length, bytes, bytes.length, key.rounds) !== 0)
    throw new NanolinError('bug', 'bcrypt_pbkdf does not take these lengths');
  return bytes;
}

function pointOf(seed: Uint8Array): Buffer {
  const der = createPublicKey(privateKey(seed)).export({ format: 'der', type: 'spki' });
  return der.subarray(-32);
}

function checksumOf(open: Uint8Array): Buffer {
  return createHash('sha512').update(open).digest().subarray(0, 8);
}

function xor(a: Uint8Array, b: Uint8Array): Buffer {
  return Buffer.from(a.map((byte, i) => byte ^ (b[i] ?? 0)));
}
