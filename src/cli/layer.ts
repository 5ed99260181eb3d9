import type { ImportOptions } from '../index.ts';
import type { Layer } from '../layer/types.ts';
import { type Command, many, one, type Request, value } from './command.ts';
import { type Piece, styled } from './paper.ts';
import { bytes } from './report.ts';

const layerWord = { name: 'LAYER', names: 'layer', about: 'name, name=1.2 or name>=1.2' } as const;

const importing: Command = {
  verb: ['layer', 'import'],
  about: 'make a layer of a directory, an archive or a Debian package, or take an image in',
  words: [
    {
      name: 'SOURCE',
      names: 'file',
      about: 'directory, .tar[.gz|.zst], .deb, deb:NAME[=VERSION] (through apt), or an .img',
    },
  ],
  flags: {
    name: { value: 'N', about: 'name of the layer; by default what the source says' },
    version: { value: 'V', about: 'version of the layer; by default what the source says' },
    format: { value: 'F', choices: ['erofs', 'squashfs'], about: 'file system of the image; default erofs' },
    unsigned: { about: 'take an image in that nobody signed; a .sig beside it is always checked' },
  },
  example: 'nanolin layer import deb:jq',
  async run(request, bench) {
    const nanolin = await bench.open();
    const layers = await nanolin.layer.import(one(request, 'SOURCE'), importOptions(request));
    return {
      json: layers,
      summary: true,
      text: [{ rows: layers.map(layer => [styled('good', 'imported'), ...columns(layer)]) }],
    };
  },
};

function importOptions(request: Request): ImportOptions {
  const name = value(request, 'name');
  const version = value(request, 'version');
  const format = value(request, 'format') as ImportOptions['format'];
  return {
    ...(name && { name }),
    ...(version && { version }),
    ...(format && { format }),
    ...(request.flags.unsigned && { unsigned: true }),
  };
}

const list: Command = {
  verb: ['layer', 'list'],
  about: 'the layers in the store',
  words: [],
  flags: {},
  example: 'nanolin layer list',
  async run(_request, bench) {
    const layers = await (await bench.open()).layer.list();
    return {
      json: layers,
      text:
        layers.length === 0
          ? [['no layers yet: `nanolin layer import` makes one']]
          : [{ head: ['layer', 'version', 'stamp', 'size', 'files', 'origin'], rows: layers.map(columns) }],
    };
  },
};

const columns = (layer: Layer): Piece[] => [
  styled('strong', layer.name),
  layer.version,
  styled('dim', layer.stamp),
  bytes(layer.size),
  String(layer.files),
  layer.origin,
];

const show: Command = {
  verb: ['layer', 'show'],
  about: 'all that is known of a layer',
  words: [layerWord],
  flags: {},
  example: 'nanolin layer show jq',
  async run(request, bench) {
    const layer = await (await bench.open()).layer.show(one(request, 'LAYER'));
    return {
      json: layer,
      text: [{ rows: Object.entries(layer).map(([key, text]) => [styled('dim', key), String(text)]) }],
    };
  },
};

const files: Command = {
  verb: ['layer', 'files'],
  about: 'the paths in a layer',
  words: [layerWord],
  flags: {},
  example: 'nanolin layer files jq | grep bin/',
  async run(request, bench) {
    const paths = await (await bench.open()).layer.files(one(request, 'LAYER'));
    return { json: paths, text: paths.map(path => [path]) };
  },
};

const verify: Command = {
  verb: ['layer', 'verify'],
  about: 'check images against their digests; all without LAYER; exit 3 when one is not what it was',
  words: [{ ...layerWord, many: true, optional: true }],
  flags: {},
  example: 'nanolin layer verify',
  async run(request, bench) {
    const verdicts = await (await bench.open()).layer.verify(many(request, 'LAYER'));
    return {
      json: verdicts,
      text: [
        {
          rows: verdicts.map(({ layer, ok, message }) => [
            ok ? styled('good', 'ok') : styled('bad', 'bad'),
            layer.name,
            layer.version,
            message ?? '',
          ]),
        },
      ],
      exit: verdicts.every(({ ok }) => ok) ? 0 : 3,
    };
  },
};

const remove: Command = {
  verb: ['layer', 'remove'],
  about: 'remove a layer from the store',
  words: [layerWord],
  flags: {},
  example: 'nanolin layer remove jq=1.6',
  async run(request, bench) {
    const nanolin = await bench.open();
    const { image, size } = await nanolin.layer.show(one(request, 'LAYER'));
    if (!(await bench.agreed(`remove ${image} (${bytes(size)})?`)))
      return { json: null, text: [['nothing removed']], exit: 1 };
    const layer = await nanolin.layer.remove(one(request, 'LAYER'));
    return { json: layer, text: [[styled('good', 'removed'), ` ${layer.image}`]], summary: true };
  },
};

export const layerCommands: readonly Command[] = [importing, list, show, files, verify, remove];
