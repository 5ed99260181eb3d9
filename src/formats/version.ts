import { NanolinError } from '../error/index.ts';
import { isVersion } from './names.ts';

/**
 * Order of two versions by Debian's algorithm without epoch (deb-version(7), dpkg's verrevcmp): runs of non-digits and of
 * digits in turn; `~` before the end, the end before letters, letters before the rest. What follows the last `-` is a
 * revision and counts last. Digits may be of any length.
 */
export function compareVersions(a: string, b: string): number {
  const [upstreamA, revisionA] = splitRevision(a);
  const [upstreamB, revisionB] = splitRevision(b);
  return comparePart(upstreamA, upstreamB) || comparePart(revisionA, revisionB);
}

/**
 * A Debian version (`[epoch:]upstream[-revision]`) as a version of ours: the epoch is dropped, `-` (and a `:` inside)
 * becomes `+`. Throws `source-unreadable` where that leaves no version of ours (Debian allows a leading letter).
 *
 * Order is kept between versions of one epoch where the upstreams are equal and both have a revision, or where they differ
 * before the shorter one ends, or where the longer goes on with `~`, or with `.` or a digit, or with `+` and a letter.
 * It is not kept across epochs; where the longer upstream goes on with a letter (Debian has 1.0-1 < 1.0a-1, here
 * 1.0+1 > 1.0a+1) or with `+` and a number (1.0-5 < 1.0+1-1); where a `-` in one upstream meets a `+` in the other;
 * and 1.0, 1.0-0 and 1.0-~x are not what they are to Debian (equal, and less).
 */
export function debianVersion(v: string): string {
  const version = v.replace(/^\d+:/, '').replace(/[-:]/g, '+');
  if (!isVersion(version))
    throw new NanolinError(
      'source-unreadable',
      `debian version ${JSON.stringify(v.slice(0, 120))} cannot be an image's version`,
      'give one that begins with a digit with --version',
    );
  return version;
}

function splitRevision(version: string): [string, string] {
  const dash = version.lastIndexOf('-');
  return dash < 0 ? [version, ''] : [version.slice(0, dash), version.slice(dash + 1)];
}

function comparePart(a: string, b: string): number {
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while ((i < a.length && !isDigit(a, i)) || (j < b.length && !isDigit(b, j))) {
      const difference = weight(a, i) - weight(b, j);
      if (difference !== 0) return Math.sign(difference);
      i++;
      j++;
    }
    const [numberA, nextA] = digits(a, i);
    const [numberB, nextB] = digits(b, j);
    if (numberA.length !== numberB.length) return numberA.length < numberB.length ? -1 : 1;
    if (numberA !== numberB) return numberA < numberB ? -1 : 1;
    i = nextA;
    j = nextB;
  }
  return 0;
}

function weight(s: string, at: number): number {
  if (at >= s.length || isDigit(s, at)) return 0;
  const code = s.charCodeAt(at);
  if (code === 0x7e) return -1;
  return /[A-Za-z]/.test(s[at] as string) ? code : code + 256;
}

function digits(s: string, from: number): [string, number] {
  let start = from;
  while (s[start] === '0') start++;
  let end = start;
  while (end < s.length && isDigit(s, end)) end++;
  return [s.slice(start, end), end];
}

function isDigit(s: string, at: number): boolean {
  const code = s.charCodeAt(at);
  return code >= 0x30 && code <= 0x39;
}
