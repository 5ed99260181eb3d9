/** LEB128: seven bits a byte, the lowest first. Numbers are whole and at most 2^49, so that a double holds them. */
export const maxVarintBytes = 7;

/** Where the next byte goes. */
export function writeVarint(bytes: Buffer, at: number, number: number): number {
  let rest = number;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
  bytes[at++] = rest;
  return at;
}

export class VarintReader {
  readonly bytes: Buffer;
  at: number;

  constructor(bytes: Buffer, at = 0) {
    this.bytes = bytes;
    this.at = at;
  }

  /** NaN where no number stands: it spreads through sums and fails every comparison. */
  next(): number {
    const byte = this.bytes[this.at++];
    if (byte === undefined) return Number.NaN;
    return byte < 0x80 ? byte : this.#long(byte & 0x7f);
  }

  #long(low: number): number {
    let number = low;
    for (let index = 1, scale = 0x80; index < maxVarintBytes; index++, scale *= 0x80) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) return Number.NaN;
      number += (byte & 0x7f) * scale;
      if (byte < 0x80) return number;
    }
    return Number.NaN;
  }
}
