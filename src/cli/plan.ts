import type { Nanolin, Plan } from '../index.ts';
import { type Command, many, one, type Request } from './command.ts';
import { type Block, styled } from './paper.ts';
import { leftOut } from './report.ts';
import * as stack from './stack.ts';
import { onePlace, place, placed } from './stack.ts';

type Wanted = Parameters<Nanolin['plan']>[0];

const planning = (
  what: Pick<Command, 'words' | 'flags' | 'example' | 'about' | 'check'>,
  verb: string,
  wanted: (request: Request) => Wanted,
): Command => ({
  ...what,
  verb: ['plan', verb],
  async run(request, bench) {
    const plan = await (await bench.open()).plan(wanted(request));
    return { json: plan, text: describe(plan) };
  },
});

export const plans: readonly Command[] = [
  planning(
    {
      words: stack.enable.words,
      flags: place,
      check: onePlace,
      about: 'what `enable` would change',
      example: 'nanolin plan enable jq',
    },
    'enable',
    request => ({ do: 'enable', layers: many(request, 'LAYER'), ...placed(request) }),
  ),
  planning(
    {
      words: stack.disable.words,
      flags: {},
      about: 'what `disable` would change',
      example: 'nanolin plan disable jq --json',
    },
    'disable',
    request => ({ do: 'disable', layers: many(request, 'LAYER') }),
  ),
  planning(
    {
      words: stack.swap.words,
      flags: {},
      about: 'what `swap` would change',
      example: 'nanolin plan swap jq=1.6 jq=1.7',
    },
    'swap',
    request => ({ do: 'swap', old: one(request, 'OLD'), replacement: one(request, 'NEW') }),
  ),
  planning(
    {
      words: [{ name: 'NAME', names: 'profile', about: 'profile to switch to' }],
      flags: {},
      about: 'what `profile switch` would change',
      example: 'nanolin plan profile web',
    },
    'profile',
    request => ({ do: 'profile', name: one(request, 'NAME') }),
  ),
];

const describe = ({ steps, paths, processes, leftOut: without }: Plan): Block[] => [
  ...(steps.length === 0 ? [['nothing to do: already so']] : []),
  {
    rows: steps.map(({ do: what, ...detail }, index) => [
      styled('dim', `${index + 1}`),
      what,
      details(detail),
    ]),
  },
  ...leftOut(without),
  ...list('+', 'good', paths.appear),
  ...list('-', 'bad', paths.vanish),
  ...list('~', 'warn', paths.change),
  ...list('masked', 'dim', paths.masked),
  {
    ...(processes.length > 0 && { head: ['pid', 'command', 'why'] }),
    rows: processes.map(({ pid, command, why }) => [String(pid), command, why]),
  },
];

const details = (detail: Readonly<Record<string, unknown>>): string =>
  Object.entries(detail)
    .map(([key, value]) => `${key}=${brief(value)}`)
    .join(' ');

/** Steps carry whole layers and generations; a line names them. */
function brief(value: unknown): string {
  if (Array.isArray(value)) return value.map(brief).join(',') || '-';
  if (value === null || value === '') return '-';
  if (typeof value !== 'object') return String(value);
  const { name, version, number, ...rest } = value as Readonly<Record<string, unknown>>;
  if (name !== undefined) return version === undefined ? String(name) : `${name}=${version}`;
  return number === undefined ? Object.values(rest).map(brief).join(':') : String(number);
}

const list = (sign: string, style: 'good' | 'bad' | 'warn' | 'dim', paths: readonly string[]): Block[] =>
  paths.map(path => [styled(style, sign), ` ${path}`]);
