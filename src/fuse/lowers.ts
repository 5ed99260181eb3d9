import { setImmediate } from 'node:timers/promises';
import { getSystemErrorName } from 'node:util';
import { NanolinError } from '../error/index.ts';
import { type Compiled, keep, merge, partIn, read, scanned } from './compile.ts';
import { check, Errno, Later } from './errno.ts';
import { find } from './lookup.ts';
import { union } from './native.ts';
import { STAT_DEV, shownInode, slot } from './slots.ts';
import type { Tree } from './tree.ts';

/** One lower, topmost first in a list of them. */
export interface Lower {
  /** Its root, O_PATH; taken over. */
  readonly fd: number;
  /** What it holds, by content: equal keys are one layer, before and after a swap. Without one it is known by device and inode. */
  readonly key?: string;
}

/** New lowers, read as far as the kernel knows the old ones. */
export interface Prepared {
  /** In one step; resolves when the kernel has dropped what it knew of the old ones. */
  commit(): Promise<void>;
  abort(): void;
}

interface Layer {
  readonly layer: number;
  readonly key: string;
  readonly fd: number;
  readonly system: number;
}

/** Milliseconds of preparation after which requests get their turn. */
const TURN_MS = 4;

/** Which layers the table is made of, and the change from some to others while it is in use. */
export class Lowers {
  #layers: readonly Layer[] = [];
  /** Numbers of file systems in the union, by device or key; never given twice, so that inode numbers stay unique. */
  readonly #systems = new Map<string, number>();
  #generation: number;

  /** The upper's file system is number 0. */
  constructor(upper: number | null, lowers: readonly Lower[], generation: number) {
    this.#generation = generation;
    union.showing(generation);
    if (upper !== null) this.#system(deviceOf(upper));
    union.root();
    this.#layers = lowers.map(lower => this.#add(lower));
    this.#setRoot();
  }

  get generation(): number {
    return this.#generation;
  }

  #add(lower: Lower): Layer {
    const system = this.#system(lower.key ?? deviceOf(lower.fd));
    return { ...lower, key: keyOf(lower), system, layer: check(union.layer(lower.fd, system)) };
  }

  #system(key: string): number {
    const known = this.#systems.get(key);
    const system = known ?? this.#systems.size;
    if (known === undefined) this.#systems.set(key, system);
    return system;
  }

  #setRoot(): void {
    const [top] = this.#layers;
    check(union.setLayers(0, numbersOf(this.#layers)));
    if (!top) return;
    check(union.stat(top.fd, '', top.system));
    union.setRoot(this.#layers.length);
  }

  /**
   * Reads what the next lowers show wherever the kernel has looked at the old ones, a little at a time: what they show meanwhile are the old ones
   * still.
   */
  async prepare(tree: Tree, lowers: readonly Lower[], generation: number): Promise<Prepared> {
    const next = lowers.map(lower => this.#take(lower));
    const change = new Change(numbersOf(next));
    try {
      await change.read();
    } catch (error) {
      change.drop();
      this.#release(next);
      if (!(error instanceof Errno)) throw error;
      const why = getSystemErrorName(-error.errno);
      throw new NanolinError('io', `a layer of the next stack cannot be read: ${why}`, 'see the system log', {
        cause: error,
      });
    }
    return {
      commit: async () => {
        await change.read();
        change.keep();
        union.showing(generation);
        this.#generation = generation;
        const old = this.#layers;
        this.#layers = next;
        this.#setRoot();
        this.#release(old.filter(one => !next.includes(one)));
        await refresh(tree);
        await union.notify();
      },
      abort: () => {
        change.drop();
        this.#release(next);
      },
    };
  }

  /** What the kernel holds although it is not shown any more. */
  held(tree: Tree): { inode: bigint; generation: number }[] {
    const { inodes, generations } = union.held();
    const table = Array.from(inodes, (inode, at) => ({ inode, generation: generations[at] ?? 0 }));
    const own = [...tree.all].flatMap(node => {
      if (node.upper || node.lookups === 0 || union.gone(node.lower) === 0) return [];
      tree.show(node);
      return { inode: shownInode(), generation: union.lastShown(node.lower) };
    });
    return [...table, ...own];
  }

  /** A layer that is in use already is used on, and its new descriptor is not needed. */
  #take(lower: Lower): Layer {
    const wanted = keyOf(lower);
    const same = this.#layers.find(({ key }) => key === wanted);
    if (!same) return this.#add(lower);
    union.close(lower.fd);
    return same;
  }

  #release(layers: readonly Layer[]): void {
    for (const one of layers) if (!this.#layers.includes(one)) union.dropLayer(one.layer);
  }
}

const numbersOf = (layers: readonly Layer[]): Uint32Array => Uint32Array.from(layers, ({ layer }) => layer);

function deviceOf(fd: number): string {
  check(union.stat(fd, '', 0));
  return `device ${slot(STAT_DEV)}`;
}

function keyOf({ fd, key }: Lower): string {
  if (key !== undefined) return key;
  check(union.stat(fd, '', 0));
  return `device ${slot(STAT_DEV)} inode ${shownInode()}`;
}

/** The directories of the table that will show something else. */
class Change {
  readonly #layers: Uint32Array;
  readonly #done = new Map<number, Compiled>();
  #order: Compiled[] = [];

  constructor(layers: Uint32Array) {
    this.#layers = layers;
  }

  /** Until all is read that the kernel has looked at, including what it looks at meanwhile. Ends in the same turn in which that is so. */
  async read(): Promise<void> {
    for (;;) {
      try {
        if (this.#walk()) return;
        await setImmediate();
      } catch (error) {
        if (!(error instanceof Later)) throw error;
        await setImmediate();
      }
    }
  }

  #walk(): boolean {
    const until = performance.now() + TURN_MS;
    const order: Compiled[] = [];
    const waiting: { entry: number; layers: Uint32Array; above: (layer: number) => number }[] = [
      { entry: 0, layers: this.#layers, above: () => -1 },
    ];
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      const { entry, layers, above } = next;
      // Nothing that lies in the same layers can have changed.
      if (union.compiled(entry) === 0 || equal(layers, union.layersOf(entry))) continue;
      let compiled = this.#done.get(entry);
      if (!compiled) {
        if (performance.now() > until) return false;
        compiled = read(entry, layers, above);
        this.#done.set(entry, compiled);
      }
      order.push(compiled);
      const { parts } = compiled;
      const directories = directoriesOf(compiled);
      for (const child of known(entry)) {
        const into = directories.get(child.name);
        if (into) waiting.push({ entry: child.entry, layers: into, above: layer => partIn(parts, layer) });
      }
    }
    this.#order = order;
    return true;
  }

  keep(): void {
    for (const compiled of this.#order) keep(compiled);
    const kept = new Set(this.#order.map(({ entry }) => entry));
    for (const [entry, compiled] of this.#done) if (!kept.has(entry)) dropCompiled(compiled);
    this.#done.clear();
  }

  drop(): void {
    for (const compiled of this.#done.values()) dropCompiled(compiled);
    this.#done.clear();
  }
}

function dropCompiled({ scans, parts }: Compiled): void {
  for (const scan of scans) union.dropScan(scan);
  for (const part of parts) union.dropPart(part);
}

const equal = (a: Uint32Array, b: Uint32Array): boolean =>
  a.length === b.length && a.every((one, at) => one === b[at]);

/** Directories in a directory that were looked into. */
function known(entry: number): { name: string; entry: number }[] {
  const { names, entries } = union.children(entry);
  return names.flatMap((name, at) => {
    const child = entries[at] ?? 0;
    return union.compiled(child) > 0 ? [{ name, entry: child }] : [];
  });
}

/** By name, the layers that may go into each directory that is to be shown. */
function directoriesOf({ scans, parts }: Compiled): Map<string, Uint32Array> {
  return merge(Array.from(scans, (one, at) => scanned(one, union.layerOf(parts[at] ?? 0)))).directories;
}

/** Nodes of TypeScript's, whose lowers are others now, or are gone. What a worker has to read first joins when it is read. */
async function refresh(tree: Tree): Promise<void> {
  for (;;) {
    try {
      return refreshAll(tree);
    } catch (error) {
      if (!(error instanceof Later)) throw error;
      await setImmediate();
    }
  }
}

function refreshAll(tree: Tree): void {
  for (const node of tree.nodes()) {
    if (!node.children) continue;
    for (const [name, child] of [...node.children]) {
      if (child.upper && !child.directory) continue;
      const found = find(tree, node, name);
      if (child.upper && found?.upper) tree.merge(child, found);
      else if (!child.upper && found?.lower !== child.lower) node.children.delete(name);
    }
  }
}
