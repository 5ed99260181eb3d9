import type { PathOwner } from '../index.ts';
import { type Bench, type Command, many, type Request } from './command.ts';
import { type Piece, styled } from './paper.ts';

export const owner: Command = {
  verb: ['owner'],
  about: 'who owns a path: layer, base or a local change, and who would; exit 4 when nobody does',
  words: [
    {
      name: 'PATH',
      many: true,
      names: 'file',
      about:
        'path, or a pattern in quotes (*, ?, [a-z], ** for any depth) that is matched against the stacks; - reads a list, one a line or with NUL between',
    },
  ],
  flags: {
    recursive: { short: 'r', about: 'a directory with everything below it' },
    all: { about: 'also every layer of the store that ships it, on or off' },
  },
  example: "nanolin owner /usr/bin/jq '/usr/lib/**/libonig*'",
  async run(request, bench) {
    const nanolin = await bench.open();
    const owners = await nanolin.owner(await paths(request, bench), {
      ...(request.flags.recursive && { recursive: true }),
      ...(request.flags.all && { all: true }),
    });
    return {
      json: owners,
      text: [{ rows: owners.map(row) }],
      exit: owners.every(({ visible, target }) => visible && target !== null) ? 0 : 4,
    };
  },
};

async function paths(request: Request, bench: Bench): Promise<(string | Uint8Array)[]> {
  const given = many(request, 'PATH').map(async path =>
    path === '-' ? listed(await bench.input()) : [path],
  );
  return (await Promise.all(given)).flat();
}

/** Names are bytes. One NUL says that NULs separate them, as from `find -print0`. */
function listed(list: Buffer): Buffer[] {
  const separator = list.includes(0) ? 0 : 10;
  const names: Buffer[] = [];
  for (let at = 0; at < list.length; ) {
    const found = list.indexOf(separator, at);
    const end = found < 0 ? list.length : found;
    if (end > at) names.push(list.subarray(at, end));
    at = end + 1;
  }
  return names;
}

const row = (one: PathOwner): Piece[] => [one.path, ownerName(one), notes(one).join('; ')];

function ownerName({ owner: layer, base, local, visible, target }: PathOwner): Piece {
  if (target === null) return styled('warn', 'outside of all stacks');
  if (layer !== null) return styled(visible ? 'good' : 'warn', name(layer));
  if (base) return styled(visible ? 'good' : 'warn', 'base');
  return visible && local ? styled('good', 'made here') : styled('bad', 'nobody');
}

function notes(one: PathOwner): string[] {
  const { owner: layer, base, local, visible, target, shared, shadowed, off, leadsTo, shipped = [] } = one;
  const mine = layer !== null || base;
  return [
    ...(leadsTo === null ? [] : [`leads to ${leadsTo}`]),
    ...(local && mine ? [visible ? 'changed here' : 'removed here'] : []),
    ...(!visible && !local && one.chain.some(({ role }) => role === 'hides') ? ['removed by a layer'] : []),
    ...(target === null && !visible ? ['is not there'] : []),
    ...list('with', shared),
    ...list('over', shadowed),
    ...list('off:', off),
    ...list('shipped by', shipped),
  ];
}

const list = (word: string, layers: PathOwner['off']): string[] =>
  layers.length === 0 ? [] : [`${word} ${layers.map(name).join(', ')}`];

const name = ({ layer, version }: PathOwner['off'][number]): string => `${layer} ${version}`;
