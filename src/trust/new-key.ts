import { existsSync, mkdirSync, rmSync } from 'node:fs';
import { NanolinError } from '../error/index.ts';
import { isPackageName, makeKeys, type PublicKey, printPublicKey, printSecretKey } from '../formats/index.ts';
import { type Context, sweepStaged } from '../state/index.ts';
import { publicPath, secretPath } from './key-directory.ts';
import { putFile } from './put-file.ts';
import { showKey } from './report-keys.ts';
import type { KeyReport } from './types.ts';

/**
 * Makes a key pair in the key directory, NAME.sec for root alone and NAME.pub, which is trusted from then on; `password` seals the
 * secret half, null leaves it open. Never replaces a key. The caller holds the writer's lock. Throws usage or refused.
 */
export async function newKey(
  ctx: Context,
  name: string,
  { password }: { password: string | null },
): Promise<KeyReport> {
  checkName(name);
  const places = { secret: secretPath(ctx, name), public: publicPath(ctx, name) };
  for (const path of Object.values(places)) if (existsSync(path)) throw taken(path);
  const { publicKey, sealedKey } = await makeKeys(`nanolin ${name}`, password);
  place(ctx, places.secret, printSecretKey(sealedKey), 0o600);
  try {
    placePublic(ctx, name, publicKey);
  } catch (error) {
    rmSync(places.secret);
    throw error;
  }
  return showKey(ctx, name);
}

/** Puts a public key where it is trusted. Never replaces another. */
export function placePublic(ctx: Context, name: string, key: PublicKey): void {
  checkName(name);
  place(ctx, publicPath(ctx, name), printPublicKey(key), 0o644);
}

function place(ctx: Context, path: string, content: string, mode: number): void {
  mkdirSync(ctx.paths.keys, { recursive: true, mode: 0o755 });
  sweepStaged(ctx.paths.keys);
  if (!putFile(path, content, { mode, over: 'refuse' })) throw taken(path);
}

function checkName(name: string): void {
  if (!isPackageName(name))
    throw new NanolinError(
      'usage',
      `${JSON.stringify(name.slice(0, 80))} cannot be a key's name`,
      'a name is [a-z0-9][a-z0-9+._-]*',
    );
}

function taken(path: string): NanolinError {
  return new NanolinError('refused', `${path} exists`, 'take another name, or move the old key away');
}
