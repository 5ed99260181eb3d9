import { basename } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { fingerprintOf, maxSignifyBytes, type PublicKey, parsePublicKey } from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { placePublic } from './new-key.ts';
import { readBounded } from './read-bounded.ts';
import { showKey } from './report-keys.ts';
import { trustedKeys } from './trusted.ts';
import type { KeyOffer, KeyReport } from './types.ts';

/** Reads a foreign .pub file, so that its fingerprint can be compared before `trustKey`. Throws source-missing or key-invalid. */
export function inspectKey(ctx: Context, file: string): KeyOffer {
  return offer(ctx, file, readOffered(file));
}

/**
 * Trusts the key in a .pub file from now on, under the name of the file. The fingerprint is the consent: it says which key was
 * looked at, whatever the file holds by now, as 64 hex digits in any grouping. A key that is trusted already stays under its name.
 * The caller holds the writer's lock. Throws refused for another fingerprint, or a name that another key has.
 */
export function trustKey(ctx: Context, file: string, { fingerprint }: { fingerprint: string }): KeyReport {
  const key = readOffered(file);
  const offered = offer(ctx, file, key);
  if (fingerprint.replace(/[\s:]/g, '').toLowerCase() !== offered.fingerprint)
    throw new NanolinError(
      'refused',
      `the key in ${file} is another: its fingerprint is ${offered.fingerprint}`,
      'compare it with what its owner says, by a way that nobody else could have changed',
    );
  if (!offered.trusted) placePublic(ctx, offered.name, key);
  return showKey(ctx, offered.name);
}

function offer(ctx: Context, file: string, key: PublicKey): KeyOffer {
  const fingerprint = fingerprintOf(key);
  const same = trustedKeys(ctx).find(trusted => trusted.fingerprint === fingerprint);
  return {
    name: same?.name ?? basename(file).replace(/\.pub$/, ''),
    fingerprint,
    number: key.number,
    comment: key.comment,
    trusted: same !== undefined,
  };
}

function readOffered(file: string): PublicKey {
  const content = readBounded(file, { max: maxSignifyBytes, code: 'key-invalid' });
  if (!content) throw new NanolinError('source-missing', `${file} does not exist`);
  return parsePublicKey(content.bytes, { file });
}
