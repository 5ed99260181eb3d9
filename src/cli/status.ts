import type { Status } from '../index.ts';
import type { Command } from './command.ts';
import { type Block, styled } from './paper.ts';
import { holders, leftOut, oldViews } from './report.ts';

export const status: Command = {
  verb: ['status'],
  about: 'what is mounted where, from which layers, who still holds old ones',
  words: [],
  flags: {},
  example: 'nanolin status --json',
  async run(_request, bench) {
    const now = await (await bench.open()).status();
    return { json: now, text: describe(now) };
  },
};

const describe = (now: Status): Block[] => [
  {
    rows: [
      [styled('dim', 'profile'), now.profile ?? 'none'],
      [styled('dim', 'generation'), now.generation === null ? 'none yet' : String(now.generation)],
      [styled('dim', 'health'), styled(now.health === 'ok' ? 'good' : 'warn', now.health)],
      [styled('dim', 'backend'), now.backend],
    ],
  },
  ...now.targets.flatMap(target),
  ...leftOut(now.leftOut),
  ...now.recovery.map((sentence): Block => [styled('warn', 'to recover'), ` ${sentence}`]),
  ...holders(now.holders),
  ...oldViews(now.namespaces, 'keeps an old view'),
];

const target = ({ path, writing, mounted, layers }: Status['targets'][number]): Block[] => [
  [],
  [
    styled('strong', path),
    writing === 'none' ? ' read-only' : ` writing ${writing}`,
    mounted ? '' : styled('warn', ' not mounted'),
  ],
  {
    rows: layers.map(layer => [
      `  ${layer.name}`,
      layer.version,
      styled('dim', layer.stamp),
      styled('dim', layer.image),
    ]),
  },
];
