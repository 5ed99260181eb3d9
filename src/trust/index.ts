export { newKey } from './new-key.ts';
export { readBounded } from './read-bounded.ts';
export { listKeys, showKey } from './report-keys.ts';
export { signFiles } from './sign-files.ts';
export { inspectKey, trustKey } from './trust-key.ts';
export { checkTrusted, trustedKeys } from './trusted.ts';
export type { KeyOffer, KeyReport, TrustedKey } from './types.ts';
export { verifySignature } from './verify-signature.ts';
