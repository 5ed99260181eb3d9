declare module 'bcrypt-pbkdf' {
  /** Fills `key`; 0 when it did, -1 for lengths that make no sense. */
  export function pbkdf(
    password: Uint8Array,
    passwordLength: number,
    salt: Uint8Array,
    saltLength: number,
    key: Uint8Array,
    keyLength: number,
    rounds: number,
  ): 0 | -1;
}
