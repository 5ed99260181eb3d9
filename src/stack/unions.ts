import { readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { NanolinError } from '../error/index.ts';
import { ControlLine, type ControlReply } from '../fuse/index.ts';
import { type Mount, readMountinfo } from '../kernel/index.ts';
import type { Context } from '../state/index.ts';
import { isOurs } from './mounted.ts';
import type { MountRecord, Move, Retired } from './record.ts';
import { hasEnded, isServed } from './server.ts';

/** Milliseconds that who only wants to know waits for a union. */
const CURIOSITY = 2_000;
/** The same for who has to know: a large file may just be copied up. */
const NEED = 60_000;

/** What each union of a switch shows, by source; null where the process has ended, or says nothing. Changes nothing. */
export async function generationsShown(moves: readonly Move[]): Promise<ReadonlyMap<string, number | null>> {
  return eachInside(moves, async old => {
    const reply = await askServer(old, 'shown', CURIOSITY).catch(() => null);
    return reply?.generation ?? null;
  });
}

/**
 * As `generationsShown`, and from here on no union shows anything else because of what was asked before: whoever began the switch may
 * still have a word on the way. Throws busy for one that is alive and does not answer.
 */
export async function settle(moves: readonly Move[]): Promise<ReadonlyMap<string, number | null>> {
  return eachInside(moves, async old => {
    try {
      return (await askServer(old, 'settle', NEED))?.generation ?? null;
    } catch (cause) {
      if (await hasEnded(old)) return null;
      throw new NanolinError(
        'busy',
        `process ${old.server?.pid}, which serves the stack on ${old.target}, does not answer`,
        'wait for it, or end it: the stack is mounted again by the next command',
        { cause },
      );
    }
  });
}

/** What is still open of older generations of unions that show another one by now. */
export async function outdatedIn(records: readonly MountRecord[]): Promise<Retired[]> {
  const found = await Promise.all(
    records.map(async record => {
      const reply = await askServer(record, 'held', CURIOSITY).catch(() => null);
      const byGeneration = new Map<number, string[]>();
      for (const { inode, generation } of reply?.held ?? [])
        byGeneration.set(generation, [...(byGeneration.get(generation) ?? []), inode]);
      const { identity, source, target } = record;
      return [...byGeneration].map(([generation, inodes]) => ({
        generation,
        identity,
        source,
        target,
        inodes,
      }));
    }),
  );
  return found.flat();
}

/** As `deadStacks`, with those that are just about to end. */
export async function dyingStacks(records: readonly MountRecord[]): Promise<MountRecord[]> {
  await Promise.all(
    records.map(async own => {
      if (!own.server || !isServed(own)) return;
      const line = await ControlLine.to(own.server.socket).catch(() => null);
      if (line) line[Symbol.dispose]();
      else await hasEnded(own);
    }),
  );
  return deadStacks(records);
}

/** Recorded stacks that are mounted and that nobody serves any more. */
export function deadStacks(
  records: readonly MountRecord[],
  mounts: readonly Mount[] = readMountinfo(),
): MountRecord[] {
  return records.filter(own => mounts.some(mount => isOurs(mount, own)) && !isServed(own));
}

/** Removes what killed processes left where unions are talked to. */
export async function sweepSockets(ctx: Context): Promise<void> {
  const directory = join(ctx.paths.run, 'unions');
  for (const name of listed(directory).filter(name => name.endsWith('.sock'))) {
    const line = await ControlLine.to(join(directory, name)).catch(() => null);
    if (line) line[Symbol.dispose]();
    else rmSync(join(directory, name), { force: true });
  }
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

async function eachInside(
  moves: readonly Move[],
  ask: (old: MountRecord) => Promise<number | null>,
): Promise<ReadonlyMap<string, number | null>> {
  const old = moves.flatMap(move => (move.inside && move.old ? [move.old] : []));
  return new Map(await Promise.all(old.map(async each => [each.source, await ask(each)] as const)));
}

/** Null where there is no such process. */
async function askServer(
  record: MountRecord,
  what: 'shown' | 'settle' | 'held',
  patience: number,
): Promise<ControlReply | null> {
  if (!record.server || !isServed(record)) return null;
  using line = await ControlLine.to(record.server.socket, patience);
  return await line.ask({ do: what });
}
