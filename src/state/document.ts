import {
  closeSync,
  fsyncSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { basename, dirname } from 'node:path';
import { LowSync, type SyncAdapter } from 'lowdb';
import { asNanolinError, NanolinError } from '../error/index.ts';

export interface Document<T> {
  /** The stored value, or `empty` where nothing was stored yet. Throws state-corrupt or state-future. */
  read(): T;
  /** Returns when the value would survive a power cut; before that, the old value stands. */
  write(value: T): void;
  /** Writes it beside the old value; `commit` puts it in its place. */
  stage(value: T): Staged;
}

interface Options<T> {
  /** Version of the shape; a file with a higher one is refused, never guessed at. */
  readonly schema: number;
  readonly empty: T;
  /** False for what only has to outlive the process, not the machine: no fsync. */
  readonly durable?: boolean;
}

type Stored<T> = T & { schema: number };

/**
 * One JSON file behind lowdb. lowdb's own file adapters never fsync and share one temporary name between processes; this one
 * writes beside the file, fsyncs, renames and fsyncs the directory, under the lock of the one writer.
 */
export function document<T extends object>(path: string, options: Options<T>): Document<T> {
  const db = new LowSync<Stored<T>>(durableFile(path, options), { ...options.empty, schema: options.schema });
  return {
    read() {
      db.data = { ...structuredClone(options.empty), schema: options.schema };
      db.read();
      return db.data;
    },
    write(value) {
      db.data = { ...value, schema: options.schema };
      db.write();
    },
    stage(value) {
      return stageFile(path, print({ ...value, schema: options.schema }), options.durable);
    },
  };
}

function print(value: object): string {
  return `${JSON.stringify(value)}\n`;
}

function durableFile<T extends object>(path: string, options: Options<T>): SyncAdapter<Stored<T>> {
  return {
    read() {
      let text: string;
      try {
        text = readFileSync(path, 'utf8');
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
        throw asNanolinError(error);
      }
      return parse<Stored<T>>(path, text, options.schema);
    },
    write(value) {
      replaceFile(path, print(value), options.durable);
    },
  };
}

function parse<T extends { schema: number }>(path: string, text: string, schema: number): T {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new DamagedState(path, (error as Error).message);
  }
  const found = (value as { schema?: unknown } | null)?.schema;
  if (typeof found !== 'number') throw new DamagedState(path, 'it has no schema number');
  if (found > schema)
    throw new NanolinError(
      'state-future',
      `${path} was written by a newer nanolin (schema ${found}, this one knows ${schema})`,
      'run the newer version, or move the file away to begin with an empty history',
    );
  return value as T;
}

/** A state file that cannot be read as what it should be; `setAside` moves it out of the way. */
export class DamagedState extends NanolinError {
  readonly file: string;

  constructor(file: string, why: string) {
    super(
      'state-corrupt',
      `${file} is damaged: ${why}`,
      'the next writing command sets it aside under a .corrupt name and says so',
    );
    this.file = file;
  }
}

/** Moves a damaged file out of the way and returns its new name; what it held is for a human to read. */
export function setAside(path: string, now: Date): string {
  const aside = `${path}.corrupt-${now.toISOString().replaceAll(/[:.]/g, '')}`;
  renameSync(path, aside);
  syncDirectory(dirname(path));
  return aside;
}

/** A file that is written but not yet in place. */
export interface Staged extends Disposable {
  /** fsync, rename, fsync the directory: returns when the new content would survive a power cut. */
  commit(): void;
}

/**
 * Writes the temporary file now, so that a full disk is met here, and puts it in place at `commit`. Disposed without a commit it
 * is removed again.
 */
export function stageFile(path: string, content: string, durable = true): Staged {
  const temporary = `${dirname(path)}/.${basename(path)}${staging}`;
  const fd = openToWrite(temporary);
  let pending = true;
  const staged: Staged = {
    commit() {
      if (durable) fsyncSync(fd);
      renameSync(temporary, path);
      pending = false;
      if (durable) syncDirectory(dirname(path));
    },
    [Symbol.dispose]() {
      closeSync(fd);
      if (pending) rmSync(temporary, { force: true });
    },
  };
  try {
    writeAll(fd, Buffer.from(content));
    return staged;
  } catch (error) {
    staged[Symbol.dispose]();
    throw asNanolinError(error);
  }
}

/** One writer holds the lock, so a file's temporary name is fixed: what a crash left is written over, or swept. */
const staging = '.new';

/** Removes what a crash left of staged files. */
export function sweepStaged(directory: string): void {
  for (const name of readdirSync(directory))
    if (name.startsWith('.') && name.endsWith(staging)) rmSync(`${directory}/${name}`, { force: true });
}

/** Temporary name, write, fsync, rename, fsync the directory; the temporary file is removed when a step fails. */
export function replaceFile(path: string, content: string, durable = true): void {
  using staged = stageFile(path, content, durable);
  staged.commit();
}

function openToWrite(path: string): number {
  try {
    return openSync(path, 'w', 0o600);
  } catch (error) {
    throw asNanolinError(error);
  }
}

function writeAll(fd: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at);
}

export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
