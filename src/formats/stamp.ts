import { NanolinError } from '../error/index.ts';

const hour = 3_600_000;

/** Reads a generation stamp, `r26.11-G22095100`: year.month, day hour minute second, UTC. Null unless the date exists. */
export function parseStamp(s: string): { stamp: string; time: Date } | null {
  const match = /^r(\d\d)\.(\d\d)-G(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(s);
  if (match === null) return null;
  const [year, month, day, hours, minutes, seconds] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const time = new Date(Date.UTC(2000 + year, month - 1, day, hours, minutes, seconds));
  // Date.UTC carries month 13 over into the next year; a real date comes back as it went in.
  return stampOf(time) === s ? { stamp: s, time } : null;
}

/** The stamp of a moment, to the second, rounded down. Throws `refused` outside the years 2000 to 2099 (a clock at 1970). */
export function formatStamp(date: Date): string {
  const year = date.getUTCFullYear();
  if (!(year >= 2000 && year <= 2099))
    throw new NanolinError(
      'refused',
      `cannot stamp an image with ${Number.isNaN(year) ? 'an invalid date' : `the year ${year}`}`,
      'set the clock, or SOURCE_DATE_EPOCH, to a time between 2000 and 2099',
    );
  return stampOf(date);
}

/** Order of two valid stamps in time: every field has a fixed width, so the order of the text is the order of time. */
export function compareStamps(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** True when a stamp lies more than one hour ahead of `now`; also true for what is no stamp at all. */
export function stampTooNew(stamp: string, now: Date): boolean {
  const parsed = parseStamp(stamp);
  return parsed === null || parsed.time.getTime() > now.getTime() + hour;
}

function stampOf(date: Date): string {
  const [, yy, month, day, hours, minutes, seconds] =
    /^\d\d(\d\d)-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)/.exec(date.toISOString()) ?? [];
  return `r${yy}.${month}-G${day}${hours}${minutes}${seconds}`;
}
