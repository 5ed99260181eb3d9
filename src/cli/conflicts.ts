import type { ConflictReport, PathConflict } from '../index.ts';
import { type Command, value } from './command.ts';
import { type Block, type Piece, styled } from './paper.ts';

export const conflicts: Command = {
  verb: ['conflicts'],
  about:
    'paths that two layers bring; exit 3 when content or type differ and nobody put the layers in order: one profile names both in its own ENABLES, or the recipe of the upper one says REPLACE',
  words: [],
  flags: {
    profile: { value: 'NAME', names: 'profile', about: 'of this profile instead of the running stack' },
  },
  example: 'nanolin conflicts --profile web',
  async run(request, bench) {
    const report = await (await bench.open()).conflicts(value(request, 'profile'));
    return {
      json: report,
      text: describe(report),
      exit: report.conflicts.some(({ severity }) => severity === 'error') ? 3 : 0,
    };
  },
};

const describe = ({ identical, conflicts: list }: ConflictReport): Block[] => [
  ...(list.length === 0 ? [['no conflicts']] : [{ rows: list.map(row) }]),
  ...(identical === 0 ? [] : [[styled('dim', `${identical} paths are the same in two layers`)]]),
];

const row = ({ path, kind, above, under, severity }: PathConflict): Piece[] => [
  severity === 'error' ? styled('bad', 'conflict') : styled('dim', 'note'),
  kind,
  path,
  `${above.layer} ${above.version} over ${under.layer} ${under.version}`,
];
