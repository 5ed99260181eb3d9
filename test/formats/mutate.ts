import type { Random } from '../ownership/random.ts';

/** Longest text that mutations grow to, in bytes. */
const longest = 64 * 1024;

/** Words that a parser of manifests treats in its own way, whole and cut. */
const words = [
  ...[
    '\n',
    ' ',
    '\\',
    '\\040',
    '\\057',
    '\\000',
    '\\134012',
    '\\',
    '\\\n',
    '#',
    '#mtree\n',
    '\r',
    '\t',
    '\0',
    '\xa0',
    '\xff',
  ],
  ...[
    '.',
    './',
    '..',
    './..',
    '/',
    '//',
    './a/../b',
    '/set ',
    '/unset ',
    '/unset all\n',
    '..\n',
    '=',
    '==',
    ',',
    '*',
    '?',
    '[',
  ],
  ...[
    'type=',
    'type=file',
    'type=dir',
    'type=link',
    'type=char',
    'type=fifo',
    'mode=',
    'mode=07777',
    'mode=99999',
    'uid=',
    'gid=',
  ],
  ...[
    'size=',
    'size=-1',
    'size=1e9',
    'sha256=',
    'sha256digest=',
    'link=',
    'device=native,',
    'device=native,4095,1048575',
    'nlink=',
  ],
  ...['inode=', '#inode ', '#xattr ', 'tags=', 'tags=config,setuid', 'optional', 'ignore', 'time=0.0'],
  ...[
    '0',
    '-0',
    '+1',
    '00',
    '0x10',
    '4294967295',
    '9007199254740993',
    '99999999999999999999',
    '1.5',
    'NaN',
    'constructor',
    '__proto__',
  ],
];

/** One to four changes of bytes, words or lines; `other` is another text that pieces come from. */
export function mutate(random: Random, text: Buffer, other: Buffer): Buffer {
  let mutated = text;
  for (let changes = 1 + random.below(4); changes > 0; changes--)
    mutated = random.pick(mutations)(random, mutated, other);
  return mutated.subarray(0, longest);
}

type Mutation = (random: Random, text: Buffer, other: Buffer) => Buffer;

const mutations: readonly Mutation[] = [
  function byte(random, text) {
    const changed = Buffer.from(text);
    if (changed.length > 0) changed[random.below(changed.length)] = random.below(256);
    return changed;
  },
  function bit(random, text) {
    const changed = Buffer.from(text);
    const at = random.below(changed.length);
    if (changed.length > 0) changed.writeUInt8(changed.readUInt8(at) ^ (1 << random.below(8)), at);
    return changed;
  },
  function word(random, text) {
    const at = random.below(text.length + 1);
    return spliced(text, at, at + random.below(4), Buffer.from(random.pick(words), 'latin1'));
  },
  function wordForWord(random, text) {
    const at = Math.max(text.indexOf(' ', random.below(text.length + 1)), 0);
    const ends = [text.indexOf(' ', at + 1), text.indexOf('\n', at + 1)].filter(end => end >= 0);
    return spliced(text, at + 1, Math.min(...ends, text.length), Buffer.from(random.pick(words), 'latin1'));
  },
  function cut(random, text) {
    const at = random.below(text.length + 1);
    return spliced(text, at, at + random.below(random.chance(0.5) ? 8 : text.length + 1), Buffer.alloc(0));
  },
  function end(random, text) {
    return text.subarray(0, random.below(text.length + 1));
  },
  function line(random, text, other) {
    const [from, to] = lineIn(random, random.chance(0.5) ? text : other);
    const [at, behind] = lineIn(random, text);
    const piece = (random.chance(0.5) ? text : other).subarray(from, to);
    return spliced(text, at, random.chance(0.5) ? at : behind, piece);
  },
  function again(random, text) {
    const [from, to] = lineIn(random, text);
    const piece = text.subarray(from, to);
    const times = random.chance(0.02)
      ? Math.floor(longest / Math.max(piece.length, 16))
      : 1 + random.below(3);
    return spliced(text, to, to, Buffer.concat(Array(times).fill(piece)));
  },
  function number(random, text) {
    const digits = /\d+/g;
    digits.lastIndex = random.below(text.length + 1);
    const found = digits.exec(text.toString('latin1'));
    if (!found) return text;
    const near = String(Number(found[0]) + random.pick([-1, 1, 7, -8]));
    return spliced(text, found.index, found.index + found[0].length, Buffer.from(near));
  },
  function long(random, text) {
    const at = random.below(text.length + 1);
    const piece = Buffer.from(
      random.pick(['x', '/x', '\\', '\\040', 'x=', ' ']).repeat(1 + random.below(300)),
      'latin1',
    );
    return spliced(text, at, at, random.chance(0.02) ? Buffer.concat(Array(100).fill(piece)) : piece);
  },
];

function spliced(text: Buffer, from: number, to: number, piece: Buffer): Buffer {
  return Buffer.concat([text.subarray(0, from), piece, text.subarray(Math.min(to, text.length))]);
}

/** Start of a line, and of the next. */
function lineIn(random: Random, text: Buffer): [number, number] {
  const at = random.below(text.length + 1);
  const start = at === 0 ? 0 : text.lastIndexOf(0x0a, at - 1) + 1;
  const newline = text.indexOf(0x0a, start);
  return [start, newline < 0 ? text.length : newline + 1];
}
