const unit = { ms: 1, s: 1000, m: 60_000 } as const;

/** Longest duration a recipe may ask for, in milliseconds: one hour. */
export const maxDuration = 3_600_000;

/** `500ms`, `10s` or `2m` in milliseconds, more than nothing and at most an hour; null for anything else. */
export function parseDuration(text: string): number | null {
  const match = /^(\d{1,7})(ms|s|m)$/.exec(text);
  if (match === null) return null;
  const duration = Number(match[1]) * unit[match[2] as keyof typeof unit];
  return duration > 0 && duration <= maxDuration ? duration : null;
}
