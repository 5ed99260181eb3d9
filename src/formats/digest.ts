/** A SHA-256 as every format of ours writes it: 64 lower-case hex digits, nothing else. */
export function isSha256(s: string): boolean {
  return /^[0-9a-f]{64}$/.test(s);
}
