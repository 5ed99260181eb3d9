import { constants } from 'node:os';

/** What a request ends with; it becomes the caller's errno. */
export class Errno extends Error {
  readonly errno: number;

  constructor(errno: number) {
    super(`errno ${errno}`);
    this.errno = errno;
  }
}

export const { EAGAIN, EBUSY, EEXIST, EINVAL, EIO, EISDIR, ENAMETOOLONG, ENODATA, ENOENT } = constants.errno;
export const {
  ENOTDIR,
  ENOTEMPTY,
  ENXIO,
  EOPNOTSUPP,
  EPERM,
  EROFS,
  ESTALE,
  EXDEV,
  EEXIST: EXISTS,
} = constants.errno;

/** The request cannot go on before a task of a worker is done: it is answered from its start again then. */
export class Later extends Error {
  readonly task: number;

  constructor(task: number) {
    super(`task ${task}`);
    this.task = task;
  }
}

export function fail(errno: number): never {
  throw new Errno(errno);
}

/** The result of a call; throws what is below zero as an Errno. */
export function check<T extends number | string | object>(result: T): T {
  if (typeof result === 'number' && result < 0) fail(-result);
  return result;
}

/** The result, or null when the call said one of these. */
export function unless<T extends number | string | object>(result: T, ...errnos: number[]): T | null {
  if (typeof result === 'number' && result < 0 && errnos.includes(-result)) return null;
  return check(result);
}
