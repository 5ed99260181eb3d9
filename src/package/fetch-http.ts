import { lookup as resolveHost } from 'node:dns';
import { closeSync, fstatSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { get as getHttp, type IncomingMessage } from 'node:http';
import { get as getHttps } from 'node:https';
import type { LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { asNanolinError, NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';
import { isRefusedAddress, redirectTarget } from './fetch-address.ts';
import { maxSource } from './fetch-cache.ts';

export interface HttpLimits {
  /** Bytes of the whole file. */
  readonly bytes: number;
  /** Milliseconds of silence. */
  readonly idleMs: number;
  /** Milliseconds for the whole file, so that a byte a second does not hold a build for ever. */
  readonly totalMs: number;
  readonly redirects: number;
  /** Tries after the first, each from where the last one ended. */
  readonly retries: number;
}

export const httpLimits: HttpLimits = {
  bytes: maxSource,
  idleMs: 60_000,
  totalMs: 3_600_000,
  redirects: 8,
  retries: 4,
};

/** Not a failure of the moment: asking again would be answered the same. */
class Final extends NanolinError {}

/**
 * Downloads to `file`, and goes on where an earlier try ended. What it is has to be told by its hash: a server may send other bytes than it
 * sent before. Throws source-missing, source-unreadable or refused.
 */
export async function download(
  ctx: Context,
  url: string,
  file: string,
  limits: HttpLimits = httpLimits,
): Promise<void> {
  const fd = openSync(file, 'a+', 0o600);
  const until = performance.now() + limits.totalMs;
  try {
    for (let tried = 0; ; tried++) {
      try {
        return await attempt(ctx, url, fd, limits, until);
      } catch (error) {
        if (ctx.signal.aborted) throw new NanolinError('cancelled', `downloading ${url} was stopped`);
        if (error instanceof Final || tried >= limits.retries || performance.now() > until)
          throw told(url, error);
        ctx.log.info({ url, error: (error as Error).message }, 'trying again');
        await sleep(200 * 2 ** tried);
      }
    }
  } finally {
    closeSync(fd);
  }
}

async function attempt(
  ctx: Context,
  url: string,
  fd: number,
  limits: HttpLimits,
  until: number,
): Promise<void> {
  const have = fstatSync(fd).size;
  const answer = await follow(ctx, url, have, limits);
  try {
    let at = startOf(url, answer, have);
    if (at === null) return;
    if (at < have) ftruncateSync(fd, at);
    const length = Number(answer.headers['content-length'] ?? Number.NaN);
    const total = Number.isNaN(length) ? undefined : at + length;
    if (total !== undefined && total > limits.bytes) throw tooLarge(url, limits);
    for await (const part of answer as AsyncIterable<Buffer>) {
      at += part.length;
      if (at > limits.bytes) throw tooLarge(url, limits);
      if (performance.now() > until)
        throw new Final('source-unreadable', `${url} takes longer than ${limits.totalMs / 1000} s`);
      // Opened to append: what is written goes to the end.
      for (let done = 0; done < part.length; ) done += writeSync(fd, part, done);
      ctx.progress({ task: 'download', subject: url, done: at, ...(total && { total }) });
    }
    if (!answer.complete || (total !== undefined && at !== total))
      throw new NanolinError('source-unreadable', `${url} ended after ${at} bytes`);
  } finally {
    answer.destroy();
  }
}

/** Where the answer's bytes begin; null where the file is complete already. */
function startOf(url: string, answer: IncomingMessage, have: number): number | null {
  const { statusCode } = answer;
  if (statusCode === 200) return 0;
  const [, first] = /^bytes (\d+)-/.exec(answer.headers['content-range'] ?? '') ?? [];
  if (statusCode === 206 && Number(first) === have) return have;
  if (statusCode === 416 && answer.headers['content-range'] === `bytes */${have}`) return null;
  if (statusCode === 404 || statusCode === 410)
    throw new Final(
      'source-missing',
      `${url} is not there (${statusCode})`,
      'look for it elsewhere, or take another version',
    );
  const what =
    statusCode === 206 || statusCode === 416
      ? 'answers another part of the file than was asked for'
      : `answers ${statusCode}`;
  throw new (statusCode !== undefined && statusCode >= 500 ? NanolinError : Final)(
    'source-unreadable',
    `${url} ${what}`,
  );
}

async function follow(ctx: Context, url: string, have: number, limits: HttpLimits): Promise<IncomingMessage> {
  let at = new URL(url);
  for (let hops = 0; hops <= limits.redirects; hops++) {
    const answer = await ask(ctx, at, have, limits.idleMs);
    const { statusCode = 0, headers } = answer;
    if (![301, 302, 303, 307, 308].includes(statusCode)) return answer;
    answer.destroy();
    const next = redirectTarget(at.href, headers.location);
    if ('why' in next)
      throw new Final('refused', `${url} ${next.why}`, 'name an address that leads to the file itself');
    at = next.to;
  }
  throw new Final('refused', `${url} redirects more than ${limits.redirects} times`);
}

function ask(ctx: Context, url: URL, have: number, idleMs: number): Promise<IncomingMessage> {
  const host = url.hostname.replace(/^\[|\]$/g, '');
  if (isRefusedAddress(host)) throw refusedHost(url);
  // The server's own bytes: an encoding that is taken off would give other ones than were hashed.
  const headers = {
    'accept-encoding': 'identity',
    'user-agent': 'nanolin',
    ...(have > 0 && { range: `bytes=${have}-` }),
  };
  return new Promise((done, fail) => {
    const get = url.protocol === 'https:' ? getHttps : getHttp;
    const request = get(
      url,
      { headers, lookup: judgedLookup(url), signal: ctx.signal, timeout: idleMs },
      done,
    );
    request.on('error', fail);
    request.on('timeout', () => request.destroy(new Error(`no answer for ${idleMs / 1000} s`)));
  });
}

/** The address that is connected to is the one that was judged, whatever a second look-up would say. */
const judgedLookup =
  (url: URL): LookupFunction =>
  (name, options, callback) => {
    resolveHost(name, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0);
      const [first] = addresses;
      if (!first || addresses.some(({ address }) => isRefusedAddress(address)))
        return callback(refusedHost(url), '', 0);
      return options.all ? callback(null, addresses) : callback(null, first.address, first.family);
    });
  };

const refusedHost = (url: URL): Final =>
  new Final(
    'refused',
    `${url.href} is an address of the machine itself or its link`,
    'sources come from servers',
  );

const tooLarge = (url: string, { bytes }: HttpLimits): Final =>
  new Final('source-unreadable', `${url} has more than ${bytes} bytes`);

function told(url: string, error: unknown): NanolinError {
  if (error instanceof NanolinError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC') return asNanolinError(error);
  const why = code === 'ECONNRESET' || message === 'aborted' ? 'the connection broke' : message;
  return new NanolinError(
    'source-unreadable',
    `${url} cannot be fetched: ${why}`,
    'is the network there? The next try goes on where this one ended',
    {
      cause: error,
    },
  );
}
