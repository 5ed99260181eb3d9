import { readdirSync, type Stats, statSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import {
  fingerprintOf,
  maxSignifyBytes,
  parsePublicKey,
  parseSecretKey,
  type SealedKey,
} from '../formats/index.ts';
import { type Context, strangerOwns } from '../state/index.ts';
import { readBounded } from './read-bounded.ts';
import type { TrustedKey } from './types.ts';

/** A key file as far as it can be used. */
export type Found<Key> = { readonly key: Key } | { readonly problem: NanolinError };

/** Names in the key directory with a NAME.pub or a NAME.sec, sorted. Throws refused when others could put keys there. */
export function keyNames(ctx: Context): string[] {
  const directory = ctx.paths.keys;
  const stat = statSync(directory, { throwIfNoEntry: false });
  if (!stat) return [];
  const why = looseness(stat);
  if (why !== null)
    throw new NanolinError(
      'refused',
      `no key in ${directory} is trusted: the directory ${why}`,
      owned(directory, 'go-w'),
    );
  const files = readdirSync(directory).filter(name => !name.startsWith('.') && /\.(?:pub|sec)$/.test(name));
  return [...new Set(files.map(name => name.slice(0, -'.pub'.length)))].sort();
}

/** NAME.pub: root's or our own, and nobody else's to write. Null where there is none. */
export function readTrusted(ctx: Context, name: string): Found<TrustedKey> | null {
  return found(publicPath(ctx, name), (bytes, stat, file) => {
    const why = looseness(stat);
    if (why !== null) throw invalid(file, why, owned(file, 'go-w'));
    const key = parsePublicKey(bytes, { file });
    return { ...key, name, fingerprint: fingerprintOf(key) };
  });
}

/** NAME.sec: root's or our own, and nobody else's to read. Null where there is none. */
export function readSealed(ctx: Context, name: string): Found<SealedKey> | null {
  return found(secretPath(ctx, name), (bytes, stat, file) => {
    const why = (stat.mode & 0o077) === 0 ? looseness(stat) : 'may be read by others';
    if (why !== null) throw invalid(file, why, `make a new key if it was read, else ${owned(file, '600')}`);
    return parseSecretKey(bytes, { file });
  });
}

export function publicPath(ctx: Context, name: string): string {
  return join(ctx.paths.keys, `${name}.pub`);
}

export function secretPath(ctx: Context, name: string): string {
  return join(ctx.paths.keys, `${name}.sec`);
}

function found<Key>(
  file: string,
  read: (bytes: Buffer, stat: Stats, file: string) => Key,
): Found<Key> | null {
  try {
    const content = readBounded(file, { max: maxSignifyBytes, code: 'key-invalid' });
    return content && { key: read(content.bytes, content.stat, file) };
  } catch (error) {
    if (error instanceof NanolinError) return { problem: error };
    throw error;
  }
}

/** Why somebody beside root and us could have made it what it is, or null. */
function looseness({ uid, mode }: Stats): string | null {
  return strangerOwns(uid) ?? ((mode & 0o022) === 0 ? null : 'may be written by others');
}

function invalid(file: string, why: string, hint: string): NanolinError {
  return new NanolinError('key-invalid', `${file} ${why}`, hint);
}

const owned = (file: string, mode: string): string =>
  `chown ${process.geteuid?.() ?? 0} ${file} && chmod ${mode} ${file}`;
