import type { Generation } from '../stack/types.ts';
import type { Command } from './command.ts';
import { type Piece, styled } from './paper.ts';
import { switched } from './report.ts';
import { switching, switchOptions } from './switching.ts';

export const history: Command = {
  verb: ['history'],
  about: 'the recorded generations, and why each was made',
  words: [],
  flags: {},
  example: 'nanolin history',
  async run(_request, bench) {
    const generations = await (await bench.open()).history();
    return {
      json: generations,
      text:
        generations.length === 0
          ? [['no generation yet']]
          : [{ head: ['generation', 'time', 'profile', 'layers', 'reason'], rows: generations.map(row) }],
    };
  },
};

const row = ({ number, time, profile, layers, leftOut, reason }: Generation): Piece[] => [
  String(number),
  time.replace('T', ' ').replace(/(\.\d+)?Z$/, ''),
  profile ?? '-',
  leftOut.length > 0
    ? styled('warn', `${layers.length} (${leftOut.length} left out)`)
    : String(layers.length),
  reason,
];

export const rollback: Command = {
  verb: ['rollback'],
  about: 'bring an earlier generation back, the previous one by default',
  words: [
    {
      name: 'GENERATION',
      optional: true,
      names: 'generation',
      about: 'number, as `nanolin history` shows it; 0 is the bare base',
    },
  ],
  flags: switching,
  example: 'nanolin rollback 12 --reason "jq 1.7 breaks the report"',
  check({ words }) {
    const number = words.GENERATION?.[0];
    return number === undefined || /^(0|[1-9]\d{0,8})$/.test(number)
      ? undefined
      : `GENERATION is a number, not ${number}`;
  },
  async run(request, bench) {
    const number = request.words.GENERATION?.[0];
    const nanolin = await bench.open();
    return switched(
      await nanolin.rollback(number === undefined ? undefined : Number(number), switchOptions(request)),
      'rolled back',
    );
  },
};
