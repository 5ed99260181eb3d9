/** 2^255 - 19, the prime of the curve. */
const prime = 2n ** 255n - 19n;

/** y of the two pairs of points of order 8, one of them; the other is its negative. */
const orderEight = 0x05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826n;

/** y of the eight points whose order divides 8: x and -x share one. */
const smallOrder: ReadonlySet<bigint> = new Set([0n, 1n, prime - 1n, orderEight, prime - orderEight]);

/**
 * Why a public key is unsafe, or null. With a point of small order one signature fits many texts, and neither OpenSSL nor the stock
 * program looks (HOSTILE 16). A y of the prime or more is another spelling of a smaller one, which RFC 8032, 5.1.3 refuses.
 */
export function judgePoint(point: Uint8Array): string | null {
  const y = BigInt(`0x${Buffer.from(point).reverse().toString('hex')}`) & (2n ** 255n - 1n);
  if (y >= prime) return 'its point is not in canonical form';
  return smallOrder.has(y) ? 'its point has a small order: anybody can sign for it' : null;
}
