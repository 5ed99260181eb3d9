import type { Command } from './command.ts';
import { styled } from './paper.ts';

export const doctor: Command = {
  verb: ['doctor'],
  about:
    'what this kernel and machine can do, and what is missing, with the remedy; exit 8 when nothing can be mounted',
  words: [],
  flags: {},
  example: 'nanolin doctor',
  async run(_request, bench) {
    const { kernel, ok, checks } = await (await bench.open()).doctor();
    return {
      json: { kernel, ok, checks },
      text: [
        [styled('dim', 'kernel '), kernel],
        {
          rows: checks.flatMap(check => [
            [check.ok ? styled('good', 'ok') : styled('bad', 'missing'), check.what, check.way],
            ...(check.remedy === null ? [] : [['', '', styled('warn', `to do: ${check.remedy}`)]]),
          ]),
        },
      ],
      exit: ok ? 0 : 8,
    };
  },
};
