import { NanolinError } from '../error/index.ts';
import type { Context } from '../state/index.ts';
import { run } from './run.ts';

/** A package file that apt's lists know. */
export interface Candidate {
  readonly name: string;
  /** `name=version` or `name:arch=version`, as apt takes it. */
  readonly query: string;
  readonly file: string;
  readonly size: number;
  /** Null where the lists have an older hash only; apt checks that one itself. */
  readonly sha256: string | null;
}

// Downloads are root's own: the _apt user may not enter the scratch directory. -q -q keeps progress out of what is parsed.
const quiet = [
  '-q',
  '-q',
  '-o',
  'APT::Sandbox::User=root',
  '-o',
  'APT::Get::Show-User-Simulation-Note=false',
];

/**
 * The package that was asked for (last) and before it what it needs and this base lacks, as `apt-get install --no-install-recommends`
 * would choose. A package that the base has is still there when it is the one asked for. Throws source-missing or command-failed.
 */
export async function resolveDebs(ctx: Context, name: string, version: string | null): Promise<Candidate[]> {
  checkWords(name, version);
  const asked = version === null ? name : `${name}=${version}`;
  const missing = await simulate(ctx, name, asked);
  // A package that the base has already is not in what would be unpacked.
  const own =
    missing.find(query => nameOf(query) === name) ??
    (version === null ? await candidateOf(ctx, name) : asked);
  return locate(ctx, name, [...missing.filter(query => nameOf(query) !== name), own]);
}

/** Fetches with apt, which checks size and hash against its signed lists; returns when every file lies in `directory`. */
export async function downloadDebs(
  ctx: Context,
  candidates: readonly Candidate[],
  directory: string,
): Promise<void> {
  if (candidates.length === 0) return;
  let done = 0;
  for (const { name, query } of candidates) {
    ctx.progress({ task: 'download', subject: name, done: done++, total: candidates.length });
    await apt(ctx, ['download', query], name, directory);
  }
}

/** `Inst` lines: what would be unpacked, dependencies first. */
async function simulate(ctx: Context, name: string, asked: string): Promise<string[]> {
  const install = (queries: readonly string[]) =>
    apt(ctx, ['-s', '--no-install-recommends', 'install', ...queries], name);
  let out: string;
  try {
    out = await install([asked]);
  } catch (error) {
    // apt takes the newest of each dependency, and gives up where an older package wants `lib (= its own version)`.
    if (!(error instanceof NanolinError) || error.code !== 'command-failed') throw error;
    const pinned = await exactDependencies(ctx, asked);
    if (pinned.length === 0) throw error;
    out = await install([asked, ...pinned]);
  }
  const removed = Array.from(out.matchAll(/^Remv (\S+)/gm), match => match[1]);
  if (removed.length > 0)
    ctx.log.warn({ packages: removed }, `${name} conflicts with packages of the base, which stay`);
  return Array.from(
    out.matchAll(/^Inst (\S+)(?: \[[^\]]*\])? \((\S+) /gm),
    match => `${match[1]}=${match[2]}`,
  );
}

async function candidateOf(ctx: Context, name: string): Promise<string> {
  const policy = await run(ctx, 'apt-cache', ['policy', name]);
  const candidate = /^ {2}Candidate: (\d\S*)$/m.exec(policy)?.[1];
  return candidate === undefined ? name : `${name}=${candidate}`;
}

/** `(= version)` dependencies, and theirs, as apt queries. */
async function exactDependencies(ctx: Context, asked: string): Promise<string[]> {
  const found = new Set<string>();
  for (const queue = [asked]; queue.length > 0; ) {
    const shown = await run(ctx, 'apt-cache', ['show', queue.pop() ?? '']).catch(() => '');
    const fields = Array.from(shown.matchAll(/^(?:Pre-)?Depends: (.*)$/gm), match => match[1] ?? '').join(
      ', ',
    );
    for (const [, dependency, version] of fields.matchAll(
      /(?:^|, )([a-z0-9][a-z0-9+.-]*) \(= ([^)\s]+)\)(?=,|$)/g,
    )) {
      const query = `${dependency}=${version}`;
      if (!found.has(query)) queue.push(query);
      found.add(query);
    }
  }
  return [...found];
}

/** One line `'URL' NAME_VERSION_ARCH.deb SIZE SHA256:HEX` for each query. */
async function locate(ctx: Context, asked: string, queries: readonly string[]): Promise<Candidate[]> {
  const out = await apt(ctx, ['--print-uris', 'download', ...queries], asked);
  const lines = Array.from(out.matchAll(/^'[^']+' ([^/\s]+) (\d+)(?: SHA256:([0-9a-f]{64}))?/gm));
  return queries.map(query => {
    const at = lines.findIndex(([, file]) => file?.startsWith(`${nameOf(query)}_`));
    const [, file, size, sha256] = lines.splice(at, at < 0 ? 0 : 1)[0] ?? [];
    if (file === undefined)
      throw new NanolinError(
        'source-missing',
        `apt knows no file for ${query}`,
        'apt-get update, then again',
      );
    return { name: nameOf(query), query, file, size: Number(size), sha256: sha256 ?? null };
  });
}

async function apt(ctx: Context, args: readonly string[], name: string, cwd?: string): Promise<string> {
  try {
    return await run(ctx, 'apt-get', [...quiet, ...args], cwd === undefined ? {} : { cwd });
  } catch (error) {
    if (!(error instanceof NanolinError) || error.code !== 'command-failed') throw error;
    if (
      /Unable to locate package|has no installation candidate|Can't find a source to download|No packages found/.test(
        error.message,
      )
    )
      throw new NanolinError(
        'source-missing',
        `apt knows no package ${name}`,
        'apt-get update, then again; apt-cache search finds names',
        { cause: error },
      );
    if (/Version '.*' for '.*' was not found/.test(error.message))
      throw new NanolinError(
        'source-missing',
        `apt knows ${name}, but not in this version`,
        `apt-cache madison ${name} lists the versions that it knows`,
        { cause: error },
      );
    throw error;
  }
}

/** Debian policy 5.6.1 and 5.6.12; nothing that apt would take for an option, a pattern or a path. */
function checkWords(name: string, version: string | null): void {
  if (
    !/^[a-z0-9][a-z0-9+.-]{0,98}[a-z0-9+.]$/.test(name) ||
    (version !== null && !/^[A-Za-z0-9][A-Za-z0-9.+:~-]{0,99}$/.test(version))
  )
    throw new NanolinError(
      'usage',
      `${JSON.stringify(`deb:${name}`.slice(0, 80))} names no Debian package`,
      'deb:NAME or deb:NAME=VERSION',
    );
}

function nameOf(query: string): string {
  return query.split(/[:=]/, 1)[0] ?? query;
}
