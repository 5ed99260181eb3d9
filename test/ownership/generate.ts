import {
  chmodSync,
  closeSync,
  constants,
  lchownSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { native } from '../../src/kernel/index.ts';
import type { Random } from './random.ts';

/** As bytes: names that sort around a slash, that mtree escapes, that are no UTF-8. */
export const names = ['a', 'a.b', 'a-', 'a0', 'b', 'c d', '\xff\xfe', 'x#*?[\\', 'new\nline', '\xc3\xbc'];
const contents = ['', 'one', 'one', 'two', 'a longer one'];
const devices = [
  [0o010644, 0, 0],
  [0o020644, 1, 3],
  [0o060644, 240, 300],
] as const;
const modes = [0o644, 0o644, 0o755, 0o644, 0o4755];

export function bytes(...parts: string[]): Buffer {
  return Buffer.from(parts.join('/'), 'latin1');
}

/** Fills the directory `root` with a layer's tree; what carries a mark of overlayfs is made aside and moved in, for its odd name. */
export function makeTree(root: string, random: Random, { whiteouts }: { whiteouts: boolean }): void {
  const files: Buffer[] = [];
  const aside = `${root}.aside`;
  mkdirSync(root);
  if (random.chance(0.1)) native.lsetxattr(root, 'trusted.overlay.opaque', Buffer.from('y'));
  if (random.chance(0.3)) chmodSync(root, 0o750);
  fill('', 0);

  function fill(path: string, depth: number): void {
    for (const name of names) {
      if (!random.chance(depth === 0 ? 0.45 : 0.3)) continue;
      make(path === '' ? name : `${path}/${name}`, depth);
    }
  }

  function make(path: string, depth: number): void {
    const where = bytes(root, path);
    const roll = random.next();
    if (roll < 0.45 && depth < 3) {
      mkdirSync(aside);
      if (random.chance(0.15))
        native.lsetxattr(aside, 'trusted.overlay.opaque', Buffer.from(random.pick(['y', 'y', 'x'])));
      dress(aside, where);
      renameSync(aside, where);
      fill(path, depth + 1);
    } else if (roll < 0.55) {
      symlinkSync(random.pick(['a', 'b/a', '../\xff']), where);
      if (random.chance(0.2)) lchownSync(where, 1000, 1000);
    } else if (roll < 0.7 && whiteouts) {
      if (where.includes(0xff) || random.chance(0.7)) {
        native.mknod(aside, 0o020000, 0, 0);
      } else {
        writeFileSync(aside, '');
        native.lsetxattr(aside, 'trusted.overlay.whiteout', Buffer.from('y'));
      }
      renameSync(aside, where);
    } else if (roll < 0.75) {
      const [mode, major, minor] = random.pick(devices);
      native.mknod(aside, mode, major, minor);
      renameSync(aside, where);
    } else if (roll < 0.8 && files.length > 0) {
      linkSync(random.pick(files), where);
    } else {
      writeFileSync(aside, random.pick(contents));
      const noted = dress(aside, where);
      renameSync(aside, where);
      if (!noted) files.push(where);
    }
  }

  /** What is not UTF-8 gets no xattr, by no name of it: the addon could not read it there. */
  function dress(file: string, where: Buffer): boolean {
    if (random.chance(0.1)) lchownSync(file, 0, 1000);
    chmodSync(file, random.pick(modes));
    const noted = random.chance(0.1) && !where.includes(0xff);
    if (noted) native.lsetxattr(file, 'user.note', Buffer.from(random.pick(['1', '2'])));
    return noted;
  }
}

// A fifo without a reader would hold a plain open for ever, and a link may lead out of the union.
const { O_WRONLY, O_CREAT, O_TRUNC, O_NONBLOCK, O_NOFOLLOW } = constants;
const overwrite = O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOFOLLOW;

function writeTo(path: Buffer, content: string): void {
  const fd = openSync(path, overwrite, 0o644);
  try {
    writeSync(fd, content);
  } finally {
    closeSync(fd);
  }
}

/** Changes in a tree or through a mounted union, as programs make them; what fails (there is no such thing, it is in the way) fails. */
export function changeAtRandom(merged: string, random: Random): void {
  for (let count = 0; count < 14; count++) {
    const one = somewhere();
    const other = somewhere();
    try {
      random.pick([
        () => rmSync(one, { recursive: true }),
        () => rmSync(one, { recursive: true }),
        () => mkdirSync(one),
        () => {
          rmSync(one, { recursive: true, force: true });
          mkdirSync(one);
        },
        () => writeTo(one, random.pick(contents)),
        () => chmodSync(one, random.pick(modes)),
        () => renameSync(one, other),
        () => symlinkSync('a', one),
        () => linkSync(one, other),
        () => lchownSync(one, 1000, 1000),
      ])();
    } catch (error) {
      if (
        !/^E(NOENT|EXIST|NOTDIR|ISDIR|XDEV|NOTEMPTY|INVAL|PERM|LOOP|NXIO|NODEV)$/.test(
          String((error as NodeJS.ErrnoException).code),
        )
      )
        throw error;
    }
  }

  function somewhere(): Buffer {
    return bytes(
      merged,
      ...Array.from({ length: 1 + random.below(3) }, () => random.pick(names.slice(0, 5))),
    );
  }
}
