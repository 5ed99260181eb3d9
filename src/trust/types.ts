import type { PublicKey } from '../formats/index.ts';

/** A public key whose signatures count on this machine. */
export interface TrustedKey extends PublicKey {
  /** Of its file, NAME.pub. */
  readonly name: string;
  /** SHA-256 of the point, 64 hex digits: this is the key, whatever its file is called. */
  readonly fingerprint: string;
}

/** What lies in the key directory under one name. */
export interface KeyReport {
  readonly name: string;
  /** SHA-256 of the public key's 32 bytes; null where there is no sound public key. */
  readonly fingerprint: string | null;
  /** Key number of signify, 16 hex digits. */
  readonly number: string | null;
  readonly comment: string | null;
  readonly trusted: boolean;
  /** The secret half: not here, without a pass-phrase, or with one. */
  readonly secret: 'none' | 'open' | 'sealed';
  /** Why one of the files is not used; null when there is no reason. */
  readonly problem: string | null;
}

/** A key file before it is trusted. */
export interface KeyOffer {
  /** Under which it would be trusted. */
  readonly name: string;
  readonly fingerprint: string;
  readonly number: string;
  readonly comment: string;
  /** True when this very key is trusted already, under whatever name. */
  readonly trusted: boolean;
}
