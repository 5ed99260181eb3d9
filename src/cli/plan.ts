import type { Nanolin, Plan } from '../index.ts';
import { type Command, type Flags, many, one, type Request } from './command.ts';
import { type Block, styled } from './paper.ts';
import { leftOut, oldViews, serving } from './report.ts';
import * as stack from './stack.ts';
import { onePlace, place, placed } from './stack.ts';

type Wanted = Parameters<Nanolin['plan']>[0];

/** Paths of a kind that are shown without --paths. */
const few = 5;

const listing: Flags = { paths: { about: `every path, not the first ${few} of a kind` } };

const planning = (
  what: Pick<Command, 'words' | 'flags' | 'example' | 'about' | 'check'>,
  verb: string,
  wanted: (request: Request) => Wanted,
): Command => ({
  ...what,
  flags: { ...what.flags, ...listing },
  verb: ['plan', verb],
  async run(request, bench) {
    const plan = await (await bench.open()).plan(wanted(request));
    return { json: plan, text: describe(plan, request.flags.paths ? Number.POSITIVE_INFINITY : few) };
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

const describe = ({ steps, paths, processes, namespaces, leftOut: without }: Plan, most: number): Block[] => [
  ...(steps.length === 0 ? [['nothing to do: already so']] : []),
  {
    rows: steps.map(({ do: what, ...detail }, index) => [
      styled('dim', `${index + 1}`),
      what,
      details(detail),
    ]),
  },
  ...leftOut(without),
  ...list('+', 'good', 'appear', paths.appear, most),
  ...list('-', 'bad', 'vanish', paths.vanish, most),
  ...list('~', 'warn', 'change', paths.change, most),
  ...list(
    '=',
    'dim',
    'stay as they are, from another layer',
    paths.owner.map(({ path, from, to }) => `${path} (${from.layer} -> ${to.layer})`),
    most,
  ),
  ...list(
    'masked',
    'dim',
    'stay hidden',
    paths.masks.map(({ path, layer, by }) => `${path} (${layer.layer}, by ${by.layer})`),
    most,
  ),
  {
    ...(processes.length > 0 && { head: ['pid', 'command', 'keeps the old stack: it'] }),
    rows: processes.map(({ pid, command, unit, why }) => [String(pid), serving(command, unit), why]),
  },
  ...oldViews(namespaces, 'will keep the old view'),
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

/** A count and the first paths, or all of them. */
function list(
  sign: string,
  style: 'good' | 'bad' | 'warn' | 'dim',
  what: string,
  paths: readonly string[],
  most: number,
): Block[] {
  if (paths.length === 0) return [];
  const rest = paths.length - most;
  return [
    [styled(style, `${paths.length} ${what}`)],
    ...paths.slice(0, most).map((path): Block => [styled(style, `  ${sign}`), ` ${path}`]),
    ...(rest > 0 ? [[styled('dim', `    and ${rest} more: --paths shows them`)]] : []),
  ];
}
