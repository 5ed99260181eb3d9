import pino from 'pino';
import type { Log } from '../state/context.ts';
import { visible } from './paper.ts';
import type { Sink } from './world.ts';

/** pino to standard error: one line for people on a terminal, one JSON object a line elsewhere. */
export const logTo = (stderr: Sink): Log =>
  pino(
    { level: 'debug', base: null, timestamp: pino.stdTimeFunctions.isoTime },
    { write: line => stderr.write(stderr.terminal ? forPeople(line) : line) },
  );

function forPeople(line: string): string {
  const { level, time, msg, ...fields } = JSON.parse(line) as Record<string, unknown>;
  const rest = Object.entries(fields).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  const name = pino.levels.labels[Number(level)] ?? '';
  return `${visible(`${String(time).slice(11, 23)} ${name.padEnd(5)} ${String(msg)}${rest.join('')}`)}\n`;
}
