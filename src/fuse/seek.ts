import { check, ENXIO, fail } from './errno.ts';
import { O_ACCMODE, O_RDWR } from './flags.ts';
import { union } from './native.ts';
import type { Node } from './node.ts';
import { STAT_SIZE, slot } from './slots.ts';

const SEEK_DATA = 3;
const SEEK_HOLE = 4;

/**
 * Where data or a hole begins. Pages that a shared mapping has written to are the kernel's, which does not flush them before it asks: while
 * somebody may have one, all is data (lseek(2) allows that). A mapping keeps its file open.
 */
export function seek({ handles }: Node, fd: number, offset: number, whence: number): number {
  const mapped = [...(handles ?? [])].some(({ flags }) => (flags & O_ACCMODE) === O_RDWR);
  if (!mapped || (whence !== SEEK_DATA && whence !== SEEK_HOLE))
    return check(union.lseek(fd, offset, whence));
  check(union.stat(fd, '', 0));
  const size = slot(STAT_SIZE);
  if (offset < 0 || offset >= size) fail(ENXIO);
  return whence === SEEK_DATA ? offset : size;
}
