import type { LayerVerdict, LocalPath, VerifyReport } from '../index.ts';
import { type Command, many } from './command.ts';
import { type Block, type Piece, styled } from './paper.ts';

export const verify: Command = {
  verb: ['verify'],
  about: 'what was changed locally in writable stacks; exit 3 when a layer is not as its manifest says',
  words: [
    {
      name: 'LAYER',
      many: true,
      optional: true,
      names: 'layer',
      about: 'changes to paths of these layers only',
    },
  ],
  flags: { deep: { about: 'read every file of the layers, too' } },
  example: 'nanolin verify --deep',
  async run(request, bench) {
    const nanolin = await bench.open();
    const report = await nanolin.verify(many(request, 'LAYER'), request.flags.deep ? { deep: true } : {});
    return {
      json: report,
      text: describe(report),
      exit: report.layers.every(({ ok }) => ok) ? 0 : 3,
    };
  },
};

const describe = ({ local, layers }: VerifyReport): Block[] => [
  ...(local.length === 0 ? [['no local changes']] : [{ rows: local.map(row) }]),
  ...layers.flatMap(verdict),
];

const row = ({ kind, path, of }: LocalPath): Piece[] => [
  styled(kind === 'added' ? 'good' : 'warn', kind),
  path,
  of === null ? '' : styled('dim', of.version === null ? of.layer : `${of.layer} ${of.version}`),
];

const verdict = ({ layer, version, ok, message, differences }: LayerVerdict): Block[] => [
  [
    ok ? styled('good', 'ok') : styled('bad', 'bad'),
    ` ${layer} ${version}`,
    message === null ? '' : `: ${message}`,
  ],
  { rows: differences.map(({ kind, path }) => [`  ${kind}`, path]) },
];
