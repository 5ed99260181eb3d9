import { NanolinError } from '../error/index.ts';
import { formatStamp, imageStem, stampTooNew } from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import type { Named } from './name-source.ts';
import { isStored } from './store.ts';

/**
 * The stamp of a new image: what its own name says, else SOURCE_DATE_EPOCH (seconds; reproducible-builds.org), else now. A stamp from the
 * clock gives way by a second where the store has the name already; the others are kept, and the store refuses them.
 */
export function pickStamp(ctx: Context, named: Named): string {
  if (named.stamp !== undefined && !stampTooNew(named.stamp, ctx.now())) return named.stamp;
  const epoch = process.env.SOURCE_DATE_EPOCH;
  if (epoch !== undefined) {
    if (!/^\d{1,10}$/.test(epoch))
      throw new NanolinError(
        'usage',
        'SOURCE_DATE_EPOCH is not a number of seconds',
        'unset it, or set it to what date +%s prints',
      );
    return formatStamp(new Date(Number(epoch) * 1000));
  }
  for (let time = ctx.now().getTime(); ; time += 1000) {
    const stamp = formatStamp(new Date(time));
    if (!isStored(ctx, `${imageStem({ ...named, stamp })}.img`)) return stamp;
  }
}
