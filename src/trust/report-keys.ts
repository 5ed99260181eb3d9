import { NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';
import { keyNames, readSealed, readTrusted } from './key-directory.ts';
import type { KeyReport } from './types.ts';

/** Everything in the key directory, by name, with what is wrong with it. Throws refused when others could put keys there. */
export function listKeys(ctx: Context): KeyReport[] {
  return keyNames(ctx).map(name => report(ctx, name));
}

/** One of them. Throws key-missing. */
export function showKey(ctx: Context, name: string): KeyReport {
  if (!keyNames(ctx).includes(name)) throw noKey(ctx, name);
  return report(ctx, name);
}

export function noKey(ctx: Context, name: string): NanolinError {
  return new NanolinError(
    'key-missing',
    `no key in ${ctx.paths.keys} is called ${JSON.stringify(name.slice(0, 80))}`,
    'nanolin key list shows what is there, nanolin key new makes one',
  );
}

function report(ctx: Context, name: string): KeyReport {
  const open = readTrusted(ctx, name);
  const sealed = readSealed(ctx, name);
  const key = open && 'key' in open ? open.key : null;
  const secret = sealed && 'key' in sealed ? sealed.key : null;
  const problem = [open, sealed].find(found => found && 'problem' in found);
  return {
    name,
    fingerprint: key?.fingerprint ?? null,
    number: key?.number ?? secret?.number ?? null,
    comment: key?.comment ?? null,
    trusted: key !== null,
    secret: secret === null ? 'none' : secret.rounds === 0 ? 'open' : 'sealed',
    problem: problem && 'problem' in problem ? problem.problem.message : null,
  };
}
