import { type ErrorCode, NanolinError } from '../error/index.ts';

/** A layer of a union as its descriptor in the process that asks, O_PATH; it is opened there, so it needs no name. */
export interface LowerRequest {
  readonly pid: number;
  readonly fd: number;
  /** Equal keys are one directory: what is shown already is not opened again. Null for what has to be looked at. */
  readonly key: string | null;
}

export interface PrepareRequest {
  readonly do: 'prepare';
  readonly generation: number;
  readonly lowers: readonly LowerRequest[];
}

export interface OpenRequest {
  readonly do: 'open';
  /** What mountinfo shows: our mark. */
  readonly source: string;
  readonly generation: number;
  /** Topmost first. */
  readonly lowers: readonly LowerRequest[];
  readonly upper: { readonly upper: string; readonly work: string } | null;
  /** What the mount will cover, to be kept open for who cannot look under it; null for who can. */
  readonly base: LowerRequest | null;
  readonly nosuid: boolean;
  /** The layers' marks are user.overlay.*. */
  readonly userxattr: boolean;
}

/**
 * What a controller asks of the process that serves a union, one line of JSON each: `open` once, `mount` where null makes a mount that lies
 * nowhere yet, and then any number of `prepare` and `commit`. What was prepared goes with the connection. `settle` drops it, whosever it
 * is: no commit that is still on its way takes effect after its reply. `shown` and `held` change nothing.
 */
export type ControlRequest =
  | OpenRequest
  | { readonly do: 'mount'; readonly target: string | null }
  | PrepareRequest
  | { readonly do: 'commit'; readonly generation: number }
  | { readonly do: 'settle' | 'shown' | 'held' };

export interface HeldObject {
  /** st_ino, decimal. */
  readonly inode: string;
  /** The last one that showed it. */
  readonly generation: number;
}

export interface ControlReply {
  /** The generation that is shown; null before `mount`. */
  readonly generation: number | null;
  /** `mount`: the detached mount's descriptor in the process that serves. */
  readonly mount?: number;
  /** `open`: the base's descriptor there. */
  readonly base?: number;
  /** `held`: what is open and not shown any more. */
  readonly held?: readonly HeldObject[];
}

/** Bytes of a line: 500 layers take some 50 kB. */
export const LINE_MAX = 1 << 20;
/** As many as the kernel stacks (OVL_MAX_STACK in fs/overlayfs/params.h). */
export const LOWERS_MAX = 500;
/** Of open objects that are told; who holds the others is not named. */
export const HELD_MAX = 10_000;

/** Throws usage: the socket is its owner's alone, and what comes through it is looked at all the same. */
export function parseRequest(line: string): ControlRequest {
  const request = fieldsOf(line);
  switch (request.do) {
    case 'open':
      return {
        do: 'open',
        source: matching(request.source, /^nanolin-\d{1,15}-[0-9a-f]{12}$/),
        generation: count(request.generation),
        lowers: lowers(request.lowers),
        upper: request.upper === null ? null : upper(request.upper),
        base: request.base ? lower(request.base) : null,
        nosuid: request.nosuid !== false,
        userxattr: request.userxattr === true,
      };
    case 'mount':
      return { do: 'mount', target: request.target === null ? null : path(request.target) };
    case 'prepare':
      return { do: 'prepare', generation: count(request.generation), lowers: lowers(request.lowers) };
    case 'commit':
      return { do: 'commit', generation: count(request.generation) };
    case 'settle':
    case 'shown':
    case 'held':
      return { do: request.do };
    default:
      throw malformed();
  }
}

/** Throws the error that the other side had, or io for what is no reply. */
export function parseReply(line: string): ControlReply {
  const { error, generation, mount, base, held } = fieldsOf(line);
  if (error) {
    const { code, message, hint } = error as { code: ErrorCode; message: string; hint: string | null };
    throw new NanolinError(code, String(message), hint ?? undefined);
  }
  return {
    generation: generation === null ? null : count(generation),
    ...(mount !== undefined && { mount: count(mount) }),
    ...(base !== undefined && { base: count(base) }),
    ...(Array.isArray(held) && { held: held.slice(0, HELD_MAX).map(heldObject) }),
  };
}

type Fields = Readonly<Record<string, unknown>>;

function fieldsOf(line: string): Fields {
  try {
    return fields(JSON.parse(line));
  } catch {
    throw malformed();
  }
}

function fields(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) throw malformed();
  return value as Fields;
}

function heldObject(value: unknown): HeldObject {
  const { inode, generation } = fields(value);
  return { inode: matching(inode, /^\d{1,20}$/), generation: count(generation) };
}

function lowers(value: unknown): LowerRequest[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > LOWERS_MAX) throw malformed();
  return value.map(lower);
}

function lower(value: unknown): LowerRequest {
  const { pid, fd, key } = fields(value);
  return { pid: count(pid), fd: count(fd), key: key === null ? null : matching(key, /^[!-~]{1,200}$/) };
}

function upper(value: unknown): { upper: string; work: string } {
  const { upper, work } = fields(value);
  return { upper: path(upper), work: path(work) };
}

const path = (value: unknown): string => matching(value, /^\/[^\0]{0,4095}$/);

function matching(value: unknown, pattern: RegExp): string {
  if (typeof value !== 'string' || !pattern.test(value)) throw malformed();
  return value;
}

function count(value: unknown): number {
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw malformed();
  return value as number;
}

const malformed = (): NanolinError =>
  new NanolinError('io', 'a line between a union and its controller is not what it should be');
