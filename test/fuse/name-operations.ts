import { constants } from 'node:fs';
import { type Random, random, type Script } from './script.ts';
import type { Files } from './union.ts';

const { O_RDONLY, O_RDWR, O_CREAT, O_TRUNC, O_DIRECTORY, O_NONBLOCK } = constants;
const NOREPLACE = 1;
const EXCHANGE = 2;
/** Files in the first slots, directories in the last. */
const fileSlots = [0, 1, 2, 3];
const directorySlots = [8, 9];

/**
 * Three layers, topmost first: names that are files in one and directories in another, whiteouts, and what `opaque` names. One letter is
 * a component: scripts meet what is there by chance.
 */
export const nameLayers: readonly Files[] = [
  { a: 'top', 'b/a': 'ba', 'b/c': null, 'c/d/e': 'cde', 'd/a': 'da', 'f/': '', 'e/b/c': 'ebc' },
  {
    'b/a': 'below',
    'b/d/e': 'bde',
    'b/b': null,
    'c/d/f': 'cdf',
    'c/e/a': 'cea',
    'd/b/c': 'dbc',
    g: null,
    'e/b': null,
    'f/a': 'fa',
  },
  {
    'a/b': 'hidden',
    'b/b/a': 'gone',
    'b/c/a': 'gone',
    'b/e/f': 'bef',
    'c/e/b/d': 'cebd',
    'd/b/d': 'no',
    'd/c': 'dc',
    'e/b/e': 'no',
    'e/c/d': 'ecd',
    'f/b/c': 'fbc',
    'f/d': 'fd',
    g: 'gone',
    'h/a/b': 'hab',
    'h/c': 'hc',
  },
];
/** By layer. */
export const opaque: readonly (readonly string[])[] = [[], ['d/b'], []];

/**
 * Operations on names below one directory; `handles` also asks of open files without a name what the kernel's overlay does not know
 * of those that are a lower's (test/fuse/union-copy-up.test.ts, 35 56).
 */
export function nameScript(seed: number, count: number, handles: boolean): Script {
  const rand = random(seed);
  const guess = new Guess(rand);
  return Array.from({ length: count }, () => step(rand, guess, handles));
}

type Kind = 'file' | 'directory' | 'other';

/** What is likely to be there, so that most operations do something. It knows nothing of symlinks' targets or of what is refused. */
class Guess {
  readonly #kinds = new Map<string, Kind>();
  readonly #rand: Random;

  constructor(rand: Random) {
    this.#rand = rand;
    for (const [path, content] of nameLayers.toReversed().flatMap(files => Object.entries(files))) {
      this.remove(path);
      for (const parent of ancestors(path)) this.#kinds.set(parent, 'directory');
      if (content !== null && !path.endsWith('/')) this.#kinds.set(path, 'file');
    }
  }

  some(...kinds: readonly Kind[]): string {
    const known = [...this.#kinds].filter(([, kind]) => kinds.length === 0 || kinds.includes(kind));
    if (known.length > 0 && this.#rand.below(12) > 0) return this.#rand.of(known)[0];
    return Array.from({ length: 1 + this.#rand.below(3) }, () => component(this.#rand)).join('/');
  }

  /** In a directory that is likely to be there. */
  fresh(): string {
    const parent = this.#rand.below(4) === 0 ? '' : `${this.some('directory')}/`;
    const path = parent + component(this.#rand);
    // Deep trees of one-letter names hold nothing new.
    return path.length > 11 ? path.slice(-3) : path;
  }

  add(path: string, kind: Kind): string {
    const parent = path.slice(0, Math.max(0, path.lastIndexOf('/')));
    if (!this.#kinds.has(path) && (parent === '' || this.#kinds.get(parent) === 'directory'))
      this.#kinds.set(path, kind);
    return path;
  }

  remove(path: string): string {
    for (const name of this.#kinds.keys())
      if (name === path || name.startsWith(`${path}/`)) this.#kinds.delete(name);
    return path;
  }

  move(from: string, to: string): string {
    const moving = [...this.#kinds].filter(([name]) => name === from || name.startsWith(`${from}/`));
    if (moving.length > 0 && !to.startsWith(`${from}/`)) {
      this.remove(from);
      this.remove(to);
      for (const [name, kind] of moving) this.add(to + name.slice(from.length), kind);
    }
    return `${from} ${to}`;
  }
}

const ancestors = (path: string): string[] =>
  path.split('/').flatMap((_, at, parts) => (at === 0 ? [] : parts.slice(0, at).join('/')));

const component = (rand: Random): string => rand.of([...'abcdefgh']);

function step(rand: Random, guess: Guess, handles: boolean): string {
  const slot = rand.of(fileSlots);
  const directorySlot = rand.of(directorySlots);
  const attribute = `user.${component(rand)}`;
  switch (rand.below(32)) {
    case 0:
    case 1:
      return `open ${slot} ${guess.add(guess.fresh(), 'file')} ${O_RDWR | O_CREAT | O_NONBLOCK}`;
    case 2:
    case 3:
      return `open ${slot} ${guess.some('file')} ${rand.of([O_RDONLY, O_RDWR, O_RDWR | O_TRUNC]) | O_NONBLOCK}`;
    case 4:
    case 5:
    case 6:
      return `mkdir ${guess.add(guess.fresh(), 'directory')} ${mode(rand, 0o700)}`;
    case 7:
    case 8:
    case 9:
      return `rename ${guess.move(guess.some(), guess.fresh())} ${rand.of([0, 0, NOREPLACE])}`;
    case 10:
      return `rename ${guess.some('directory')} ${guess.some('directory')} ${rand.of([0, 0, EXCHANGE])}`;
    case 11:
      return `rename ${guess.move(guess.some('file', 'other'), guess.some('file'))} 0`;
    case 12:
      return `rename ${guess.some()} ${guess.some()} ${EXCHANGE}`;
    case 13:
      return `link ${guess.some('file', 'other')} ${guess.add(guess.fresh(), 'file')}`;
    case 14:
    case 15:
      return `unlink ${guess.remove(guess.some('file', 'other'))}`;
    case 16:
    case 17:
      return `rmdir ${guess.some('directory')}`;
    case 18:
      return `symlink ${guess.some()} ${guess.add(guess.fresh(), 'other')}`;
    case 19:
      return `mkfifo ${guess.add(guess.fresh(), 'other')} ${mode(rand, 0o600)}`;
    case 20:
      return `chmod ${guess.some()} ${mode(rand, 0o600)}`;
    case 21:
      return `chown ${guess.some()} ${rand.below(3)} ${rand.below(3)}`;
    case 22:
      return `setxattr ${guess.some('file', 'directory')} ${attribute} ${rand.below(60)} ${rand.below(256)} ${rand.below(3)}`;
    case 23:
      return rand.of([
        `removexattr ${guess.some()} ${attribute}`,
        `getxattr ${guess.some()} ${attribute}`,
        `listxattr ${guess.some()}`,
      ]);
    case 24:
      return `truncate ${guess.some('file')} ${rand.below(9000)}`;
    case 25:
      return `write ${slot} ${rand.below(9000)} ${rand.below(5000)} ${rand.below(256)}`;
    case 26:
      return rand.of([`read ${slot} 0 20000`, `fstat ${slot}`]);
    case 27:
      return `open ${directorySlot} ${guess.some('directory')} ${O_RDONLY | O_DIRECTORY}`;
    case 28:
      return `entries ${directorySlot}`;
    case 29:
      return `createat ${directorySlot} ${component(rand)}`;
    case 30:
      return handles ? rand.of([`flinks ${slot}`, `fchmod ${slot} ${mode(rand, 0o600)}`]) : `fstat ${slot}`;
    default:
      return rand.of([
        `stat ${guess.some()}`,
        `content ${guess.some('file')}`,
        `readlink ${guess.some('other')}`,
      ]);
  }
}

const mode = (rand: Random, least: number): number => least | rand.below(0o10000);
