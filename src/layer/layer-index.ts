import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Context, type Document, document } from '../state/index.ts';
import type { LayerRecord } from './record.ts';

interface Layers {
  layers: LayerRecord[];
}

let cached: { path: string; mark: string; records: Map<string, LayerRecord> } | null = null;

/**
 * Every recorded layer by the image's base name. Read again only when layers.json was replaced (it is never written in place), so
 * that a switch of 500 layers parses it once. Throws state-corrupt or state-future.
 */
export function readRecords(ctx: Context): ReadonlyMap<string, LayerRecord> {
  const path = indexPath(ctx);
  const mark = fileMark(path);
  if (cached?.path !== path || cached.mark !== mark || mark === '') {
    const records = new Map(
      open(ctx)
        .read()
        .layers.map(record => [record.image, record] as const),
    );
    cached = { path, mark, records };
  }
  return cached.records;
}

/** Durable when it returns; replaces a record of the same image. */
export function putRecord(ctx: Context, record: LayerRecord): void {
  const kept = [...readRecords(ctx).values()].filter(other => other.image !== record.image);
  open(ctx).write({ layers: [...kept, record] });
}

export function deleteRecord(ctx: Context, image: string): void {
  open(ctx).write({ layers: [...readRecords(ctx).values()].filter(record => record.image !== image) });
}

function open(ctx: Context): Document<Layers> {
  return document<Layers>(indexPath(ctx), { schema: 1, empty: { layers: [] } });
}

function indexPath(ctx: Context): string {
  return join(ctx.paths.state, 'layers.json');
}

function fileMark(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.dev}:${stat.ino}:${stat.size}:${stat.ctimeNs}` : '';
}
