import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';

// RFC 8410: all that stands before the 32 bytes of an Ed25519 key in PKCS #8 and in SubjectPublicKeyInfo.
const pkcs8 = Buffer.from('302e020100300506032b657004220420', 'hex');
const spki = Buffer.from('302a300506032b6570032100', 'hex');

export function privateKey(seed: Uint8Array): KeyObject {
  return createPrivateKey({ key: Buffer.concat([pkcs8, seed]), format: 'der', type: 'pkcs8' });
}

export function publicKey(point: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([spki, point]), format: 'der', type: 'spki' });
}
