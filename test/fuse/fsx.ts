import { constants } from 'node:fs';
import { type Random, random, type Script } from './script.ts';

const { O_RDONLY, O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND, O_DIRECT, O_SYNC, O_DSYNC } = constants;
const PAGE = 4096;
/** Beyond the lower files' ends, and below what operate.c maps. */
const LIMIT = 300_000;
const fallocateModes = { grow: 0, keep: 1, punch: 3, zero: 0x10, zeroKeep: 0x11 };

/** What the script finds: one file of some pages, one that is mostly a hole, one that is empty, deep ones. */
export const fsxFiles = { low: 'l'.repeat(70_000), sparse: 's', empty: '', 'd/e/low': 'd'.repeat(200_001) };
const names = [...Object.keys(fsxFiles), 'new', 'd/new', 'd/e/new'];

type Slot = 'buffered' | 'direct' | 'reader';
/** By number: so that a slot is of one kind, whatever is in it. Direct ones move whole pages. */
const slots: Readonly<Record<Slot, readonly number[]>> = {
  buffered: [0, 1, 2, 3, 4],
  direct: [5, 6],
  reader: [7, 8, 9],
};
const flagsOf: Readonly<Record<Slot, readonly number[]>> = {
  buffered: [
    O_RDWR | O_CREAT,
    O_RDWR | O_CREAT,
    O_RDWR | O_APPEND,
    O_WRONLY | O_CREAT,
    O_RDWR | O_SYNC,
    O_RDWR | O_DSYNC,
    O_RDWR | O_CREAT | O_TRUNC,
  ],
  direct: [O_RDWR | O_DIRECT, O_RDWR | O_CREAT | O_DIRECT],
  reader: [O_RDONLY],
};

/**
 * Operations on the data of a few files through a few descriptors, for a union over `fsxFiles` and a plain copy of them.
 * `mapReaders`: also through descriptors that only read. On the kernel's overlay those may show what the lower has.
 */
export function fsxScript(seed: number, count: number, mapReaders: boolean): Script {
  const rand = random(seed);
  const script = [...slots.buffered, ...slots.direct, ...slots.reader].map(slot => reopened(rand, slot));
  while (script.length < count) script.push(step(rand, mapReaders));
  return script;
}

const kindOf = (slot: number): Slot =>
  slots.buffered.includes(slot) ? 'buffered' : slots.direct.includes(slot) ? 'direct' : 'reader';

const reopened = (rand: Random, slot: number): string =>
  `open ${slot} ${rand.of(names)} ${rand.of(flagsOf[kindOf(slot)])}`;

function step(rand: Random, mapReaders: boolean): string {
  const slot = rand.below(10);
  const kind = kindOf(slot);
  const [at, size] = range(rand, kind);
  const seed = rand.below(256);
  const maps = kind !== 'reader' || mapReaders;
  switch (rand.below(22)) {
    case 0:
    case 1:
    case 2:
      return `write ${slot} ${at} ${size} ${seed}`;
    case 3:
    case 4:
    case 5:
      return `read ${slot} ${at} ${size}`;
    case 6:
      return `append ${kind === 'direct' ? 0 : slot} ${size} ${seed}`;
    case 7:
    case 8:
      return maps ? `mapread ${slot} ${at} ${size}` : `read ${slot} ${at} ${size}`;
    case 9:
    case 10:
      return kind === 'reader' ? `fstat ${slot}` : `mapwrite ${slot} ${at} ${size} ${seed}`;
    case 11:
      return `ftruncate ${slot} ${rand.below(LIMIT)}`;
    case 12:
      return `truncate ${rand.of(names)} ${rand.below(LIMIT)}`;
    case 13:
    case 14:
      return `fallocate ${slot} ${rand.of(Object.values(fallocateModes))} ${at} ${size}`;
    case 15:
      return `copy ${rand.of(slots.buffered)} ${at} ${rand.of(slots.buffered)} ${rand.below(LIMIT)} ${size}`;
    case 16:
      return `holes ${slot}`;
    case 17:
      return rand.below(2) === 0 ? `fsync ${slot}` : `drop ${slot}`;
    case 18:
      return `stat ${rand.of(names)}`;
    case 19:
      return `content ${rand.of(names)}`;
    case 20:
      return rand.below(3) === 0 ? `rename ${rand.of(names)} ${rand.of(names)} 0` : `fstat ${slot}`;
    default:
      return reopened(rand, slot);
  }
}

function range(rand: Random, kind: Slot): [at: number, size: number] {
  const pages = kind === 'direct' || rand.below(5) === 0;
  const [at, size] = [rand.below(LIMIT), 1 + rand.below(rand.below(4) === 0 ? 60_000 : 5_000)];
  return pages ? [at - (at % PAGE), Math.ceil(size / PAGE) * PAGE] : [at, size];
}
