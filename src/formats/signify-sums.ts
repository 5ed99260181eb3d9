import { NanolinError } from '../error/index.ts';
import { show } from './manifest-escape.ts';

/** What a package's signature speaks of: SHA-256 of its image and of its manifest, 64 lower-case hex digits. */
export interface PackageSums {
  readonly image: string;
  readonly manifest: string;
}

/** The text that is signed for NAME.img and NAME.lst; `sha256sum --tag` writes and `signify -C` reads the same. */
export function printSums(stem: string, { image, manifest }: PackageSums): string {
  return `SHA256 (${stem}.img) = ${image}\nSHA256 (${stem}.lst) = ${manifest}\n`;
}

/**
 * Reads the signed text of STEM.sig: one line for its image, one for its manifest, in any order, nothing else. The stock program
 * takes the first of two lines that fits, and any of its digests (HOSTILE 4, 7, 8). Throws signature-invalid.
 */
export function parseSums(text: Uint8Array, { file, stem }: { file: string; stem: string }): PackageSums {
  const lines = Buffer.from(text).toString('latin1').split('\n');
  const fail = (why: string) => new NanolinError('signature-invalid', `${file}: ${why}`);
  if (lines.pop() !== '') throw fail('the last line of the signed text has no end');
  const sums = new Map<string, string>();
  for (const line of lines) {
    const [, name, sum] = /^SHA256 \(([^ ()]+)\) = ([0-9a-f]{64})$/.exec(line) ?? [];
    if (name === undefined || sum === undefined)
      throw fail(`"${show(line)}" is not SHA256 (NAME) = and 64 lower-case hex digits`);
    if (sums.has(name)) throw fail(`it speaks of ${show(name)} twice`);
    sums.set(name, sum);
  }
  const image = sums.get(`${stem}.img`);
  const manifest = sums.get(`${stem}.lst`);
  if (image === undefined || manifest === undefined || sums.size !== 2)
    throw fail(
      `it speaks of ${show([...sums.keys()].join(', ') || 'nothing')}, expected ${stem}.img and ${stem}.lst`,
    );
  return { image, manifest };
}
