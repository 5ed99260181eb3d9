import type { Holder, LeftOut, OldView, SwitchResult } from '../stack/types.ts';
import type { Answer } from './command.ts';
import { type Block, type Piece, styled } from './paper.ts';

/** What a switch did: 7 when it was switched back, 6 when a layer is left out. */
export const switched = (result: SwitchResult, verb: string): Answer => ({
  json: result,
  text:
    result.changed || result.rolledBack
      ? [...headline(result, verb), ...details(result)]
      : [alreadySo(result), ...leftOut(result.leftOut)],
  summary: true,
  exit: result.rolledBack ? 7 : result.leftOut.length > 0 ? 6 : 0,
});

const alreadySo = ({ generation, profile }: SwitchResult): Block => [
  `already so: generation ${generation}${profile === null ? '' : `, profile ${profile}`}`,
];

function headline({ generation, previous, profile, rolledBack, ms }: SwitchResult, verb: string): Block[] {
  if (rolledBack)
    return [
      [
        styled('bad', 'rolled back'),
        ` to generation ${generation}: generation ${rolledBack.from} did not hold`,
      ],
      [`  ${rolledBack.code}: ${rolledBack.message}`],
    ];
  const from = previous === null ? '' : ` (was ${previous})`;
  return [
    [
      styled('good', verb),
      `: generation ${generation}${from}`,
      profile === null ? '' : `, profile ${profile}`,
      `, ${milliseconds(ms.total)}`,
    ],
  ];
}

function details(result: SwitchResult): Block[] {
  const { paths, ms, gap } = result;
  const rows: Piece[][] = [
    ['  paths', `+${paths.added} -${paths.removed} ~${paths.changed}`],
    [
      '  time',
      `plan ${milliseconds(ms.plan)}, prepare ${milliseconds(ms.prepare)}, swap ${milliseconds(ms.swap)}`,
    ],
    [
      '  gap',
      gap ? styled('warn', 'yes: this kernel could not mount beneath, a look-up may have failed') : 'none',
    ],
  ];
  return [
    { rows },
    ...leftOut(result.leftOut),
    ...holders(result.holders),
    ...oldViews(result.namespaces, 'keeps the old view'),
    ...writers(result.writers),
  ];
}

export const leftOut = (list: readonly LeftOut[]): Block[] =>
  list.map(({ layer, code, message }) => [styled('warn', 'left out'), ` ${layer}: ${message} (${code})`]);

/** Processes that keep an old stack alive, and what ends that. */
export function holders(list: readonly Holder[]): Block[] {
  if (list.length === 0) return [];
  return [[styled('warn', 'still on an old stack'), `: restart them to free it`], processes(list)];
}

/** Mount namespaces with an old stack in sight; `what` says whether they do or will. */
export const oldViews = (list: readonly OldView[], what: string): Block[] =>
  list.map(({ namespace, pid, command, target, nested }) => [
    styled('warn', `namespace ${namespace}`),
    ` of ${command} (${pid}) ${what} of ${target}: `,
    nested.length === 0
      ? 'its mount is its own, no switch reaches it'
      : `${nested.slice(0, shown).join(', ')}${nested.length > shown ? ` and ${nested.length - shown} more` : ''} mounted inside`,
  ]);

function writers(list: readonly Holder[]): Block[] {
  if (list.length === 0) return [];
  return [
    [styled('warn', 'were writing through the old stack'), ': what they write still lands in the same files'],
    processes(list),
  ];
}

const shown = 3;

const processes = (list: readonly Holder[]): Block => ({
  head: ['  pid', 'command', 'generation', 'holds'],
  rows: list.map(({ pid, command, unit, generation, paths }) => [
    `  ${pid}`,
    serving(command, unit),
    String(generation),
    paths.slice(0, shown).join(' ') + (paths.length > shown ? ` and ${paths.length - shown} more` : ''),
  ]),
});

/** A command with the service that it runs for. */
export const serving = (command: string, unit: string | null): string =>
  unit === null ? command : `${command} (${unit})`;

export const milliseconds = (ms: number): string =>
  ms < 1000 ? `${ms < 10 ? ms.toFixed(2) : ms.toFixed(0)} ms` : `${(ms / 1000).toFixed(1)} s`;

export function bytes(count: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  const unit = count < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(count) / 3));
  return `${unit === 0 ? count : (count / 1000 ** unit).toFixed(1)} ${units[unit]}`;
}
