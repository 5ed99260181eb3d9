// limit: 900s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Entry, parseManifest, parseMtree, printManifest } from '../../src/formats/index.ts';
import { Random } from '../ownership/random.ts';
import { mutate } from './mutate.ts';
import { orRefused } from './throws.ts';

/**
 * Mutated manifests, from a seed. NANOLIN_FUZZ=1000000 takes that many, NANOLIN_FUZZ_SEED another seed; a failure prints the seed of
 * its chunk and the text. What one parser accepts is mutated further, so that the mutants get deeper than the first check.
 */
const count = Number(process.env.NANOLIN_FUZZ ?? 200_000);
const firstSeed = Number(process.env.NANOLIN_FUZZ_SEED ?? 22_095_100);
const chunk = 5_000;
/** Bytes by which this process may grow: a parser that keeps what it has read would, by a hundred thousand texts. */
const mostGrowth = 256 * 2 ** 20;

const header = {
  package: 'web',
  version: '1.0',
  stamp: 'r26.11-G22095100',
  image: 'web-v1.0-r26.11-G22095100.img',
  size: 4096,
  sha256: 'a'.repeat(64),
};
const owned = { mode: 0o644, uid: 0, gid: 0 };
const content = { type: 'file', ...owned, size: 12, sha256: '0123456789abcdef'.repeat(4) } as const;
const entries: Entry[] = [
  { path: '', type: 'dir', mode: 0o755, uid: 0, gid: 0 },
  { path: 'dev', type: 'dir', mode: 0o1777, uid: 0, gid: 0, xattrs: { 'user.a=b': Buffer.from('x') } },
  { path: 'dev/disk', type: 'block', ...owned, device: { major: 259, minor: 1048575 } },
  { path: 'dev/fifo', type: 'fifo', ...owned },
  { path: 'dev/null', type: 'char', ...owned, device: { major: 1, minor: 3 } },
  { ...content, path: 'dev/name *?[a]\\\n\xff#', tags: ['config', 'setuid'], mode: 0o4755 },
  {
    ...content,
    path: 'one',
    inode: 7,
    xattrs: { 'security.capability': Buffer.alloc(20, 1), 'user.b': Buffer.alloc(0) },
  },
  {
    ...content,
    path: 'two',
    inode: 7,
    xattrs: { 'security.capability': Buffer.alloc(20, 1), 'user.b': Buffer.alloc(0) },
  },
  { path: 'z', type: 'link', mode: 0o777, uid: 0xffff_fffe, gid: 1, link: '../\\ #' },
];
const ours = Buffer.from(printManifest({ header, entries }), 'latin1');
const small = Buffer.from(printManifest({ header, entries: entries.slice(0, 2) }), 'latin1');
const theirs = Buffer.from(
  `#mtree
/set type=file uid=0 gid=0 mode=0644 nlink=1
.               type=dir mode=0755 nlink=4
# ./a
a               type=dir mode=0755 nlink=2
    sp\\sace\\#\\\\ \\
                size=2 \\
                sha256digest=${'AB'.repeat(32)}
# ./a
..
/unset mode
b   type=link mode=0777 link=x\\040y time=0.0 optional
./c type=file mode=600 nlink=2 inode=12 size=0 sha256=${'0'.repeat(64)}
./d type=file mode=600 nlink=2 inode=12 size=0 sha256=${'0'.repeat(64)}
./e type=block mode=0600 device=linux,8,1
..
`,
  'latin1',
);

/** Texts that mutants are made of; what was accepted takes the place of an older one. */
class Pool {
  readonly #seeds: readonly Buffer[];
  readonly #found: Buffer[] = [];

  constructor(seeds: readonly Buffer[]) {
    this.#seeds = seeds;
  }

  pick(random: Random): Buffer {
    return random.pick(this.#found.length > 0 && random.chance(0.5) ? this.#found : this.#seeds);
  }

  keep(random: Random, text: Buffer): void {
    if (text.length < 8192)
      this.#found[random.below(Math.min(this.#found.length + 1, 200))] = Buffer.from(text);
  }
}

const test = suite<{ before: number }>('fuzz');

test.before(context => {
  context.before = process.resourceUsage().maxRSS * 1024;
});

/** Gives `judge` its share of the mutants; the numbers of those that it took and refused. */
function mutants(
  seeds: readonly Buffer[],
  judge: (text: Buffer) => boolean,
): { taken: number; refused: number } {
  const outcome = { taken: 0, refused: 0 };
  for (let done = 0; done < count / 2; done += chunk) {
    const seed = firstSeed + done;
    const random = new Random(seed);
    const pool = new Pool(seeds);
    for (let n = 0; n < chunk; n++) {
      const text = mutate(random, pool.pick(random), pool.pick(random));
      try {
        if (judge(text)) {
          outcome.taken++;
          pool.keep(random, text);
        } else outcome.refused++;
      } catch (error) {
        console.error(`seed ${seed}, mutant ${n}: ${JSON.stringify(text.toString('latin1').slice(0, 4096))}`);
        throw error;
      }
    }
  }
  return outcome;
}

test('a mutated manifest is refused, or is the canonical text of what it says', () => {
  const { taken, refused } = mutants([ours, small], text => {
    const parsed = orRefused('image-invalid', () => parseManifest(text, { file: 'x.lst' }));
    if (parsed !== null) assert.is(printManifest(parsed), text.toString('latin1'));
    return parsed !== null;
  });
  assert.ok(taken > count / 1000, `${taken} were taken, ${refused} refused`);
  assert.ok(refused > count / 4, `${taken} were taken, ${refused} refused`);
});

test('a mutated mtree of another program is refused, or prints to a manifest that parses to the same', () => {
  const { taken } = mutants([theirs, ours], text => {
    const read = orRefused('image-invalid', () => parseMtree(text));
    const printed = read && orRefused('image-invalid', () => printManifest({ header, entries: read }));
    if (printed === null) return false;
    const parsed = parseManifest(Buffer.from(printed, 'latin1'), { file: 'x.lst' });
    assert.is(printManifest(parsed), printed);
    return true;
  });
  assert.ok(taken > count / 200, `${taken} were taken`);
});

test('memory does not grow with what was read', ({ before }) => {
  const growth = process.resourceUsage().maxRSS * 1024 - before;
  assert.ok(growth < mostGrowth, `it grew by ${growth} bytes`);
});

test.run();
