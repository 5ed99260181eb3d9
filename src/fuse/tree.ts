import { compile } from './compile.ts';
import type { Fetch } from './copy-up.ts';
import { check, ENOENT, EROFS, ESTALE, fail } from './errno.ts';
import { O_DIRECTORY, O_PATH } from './flags.ts';
import { find } from './lookup.ts';
import { union } from './native.ts';
import { type Alias, type Found, fresh, type Handle, Node } from './node.ts';
import { STAT_NLINK, setSlot, showInode, slot } from './slots.ts';

/** A descriptor and one name below it, or '' for the descriptor itself. */
export type Place = readonly [fd: number, name: string];

/** The table's numbers for the kernel (native/fuse/table.h). */
const LOWER_NODE = 2 ** 40;
const ROOT = 1;
/** Descriptors of directories that stay open between requests. */
const OPEN_DIRECTORIES = 2048;

export interface Parting extends Disposable {
  gone(): void;
}

export const nodeOfEntry = (entry: number): number => (entry === 0 ? ROOT : LOWER_NODE + entry);

export interface TreeOptions {
  /** Root of the upper, O_PATH, and the work directory's own directory; null for a union that is read-only. */
  readonly upper: { readonly root: number; readonly work: number } | null;
  /** `trusted.overlay.`, or `user.overlay.` for unprivileged unions. */
  readonly prefix: string;
  /** Are copied files flushed before they become visible? */
  readonly durable: boolean;
  /** Everything in the lowers belongs to who serves: an ordinary user can give nothing away. */
  readonly squash: boolean;
}

/**
 * The nodes of one union that TypeScript answers for, over the table of its lowers, and what is open for them. Requests come one after the
 * other: nothing here is seen half-done.
 */
export class Tree {
  readonly work: number | null;
  readonly prefix: string;
  readonly durable: boolean;
  readonly squash: boolean;
  readonly handles = new Map<number, Handle>();
  readonly #nodes = new Map<number, Node>();
  /** Which node answers for an entry. */
  readonly #claimed = new Map<number, Node>();
  /** Objects of the upper with several names, by inode: one node for them all. */
  readonly linked = new Map<bigint, Node>();
  /** What workers read for copies. */
  readonly fetches = new Map<Node, Fetch>();
  readonly #open = new Set<Node>();
  #next = 2;
  #temporary = 0;

  constructor({ upper, prefix, durable, squash }: TreeOptions) {
    this.work = upper?.work ?? null;
    this.prefix = prefix;
    this.durable = durable;
    this.squash = squash;
    if (upper === null) return;
    const root = this.#put(ROOT, null, '', { ...fresh(true), lower: 0 });
    root.fd = upper.root;
    root.lookups = 1;
    this.claim(0, root);
    this.#live(root);
  }

  get writable(): boolean {
    return this.work !== null;
  }

  /** Of a number that the kernel sent. What only the table knows so far is ours to answer for from now on. */
  node(id: number): Node {
    return this.#nodes.get(id) ?? this.#adopt(id === ROOT ? 0 : id - LOWER_NODE);
  }

  known(id: number): Node | undefined {
    return this.#nodes.get(id);
  }

  /** The entry that a number of the kernel's stands for, where the table answers for it; -1 otherwise. */
  entryOf(id: number): number {
    return this.#nodes.has(id) || (id !== ROOT && id < LOWER_NODE) ? -1 : id === ROOT ? 0 : id - LOWER_NODE;
  }

  #adopt(entry: number): Node {
    if (entry < 0) fail(ESTALE);
    const known = this.#claimed.get(entry);
    if (known) return known;
    if (!this.writable) fail(EROFS);
    const parent = this.#adopt(union.parentOf(entry));
    const name = union.nameOf(entry);
    const found = find(this, parent, name);
    if (found?.lower !== entry) fail(ESTALE);
    return this.add(parent, name, found);
  }

  add(parent: Node, name: string, found: Found): Node {
    const node = this.#put(found.lower >= 0 ? nodeOfEntry(found.lower) : this.#next++, parent, name, found);
    if (found.lower >= 0) this.claim(found.lower, node);
    if (name !== '') parent.children?.set(name, node);
    return node;
  }

  #put(id: number, parent: Node | null, name: string, found: Found): Node {
    const node = new Node(id, parent, name, found);
    this.#nodes.set(id, node);
    return node;
  }

  /** With the references and the open files that the table has for it. */
  claim(entry: number, node: Node): void {
    if (this.#claimed.get(entry) === node) return;
    this.#claimed.set(entry, node);
    node.lookups += union.claim(entry);
    for (const fd of union.opensOf(entry)) {
      const handle = { fd, flags: 0, node };
      this.handles.set(fd, handle);
      node.handles ??= new Set();
      node.handles.add(handle);
    }
  }

  /** A directory of the upper, over lowers that are others by now. */
  merge(node: Node, { lower, inode }: Found): void {
    node.lower = lower;
    node.inode = inode;
    if (lower >= 0) this.claim(lower, node);
    if (node.fd >= 0) this.#live(node);
  }

  /** The lowers as a directory of the union sees them, by name; -1 for none. */
  lowerChild(parent: Node, name: string): number {
    if (parent.lower < 0 || union.gone(parent.lower) > 0) return -1;
    if (union.compiled(parent.lower) === 0) compile(parent.lower);
    return union.child(parent.lower, name);
  }

  /** One more name for a node that has some. */
  alias(node: Node, parent: Node, name: string): void {
    if (node.orphan >= 0) {
      union.close(node.orphan);
      node.orphan = -1;
      node.parent = parent;
      node.name = name;
    } else {
      node.aliases ??= [];
      node.aliases.push({ parent, name });
    }
    parent.children?.set(name, node);
  }

  /** The node of a visible name, where the kernel knows it. */
  held(parent: Node, name: string, found: Found | null): Node | null {
    const node = parent.children?.get(name);
    if (node || !found || found.upper || found.lower < 0) return node ?? null;
    return union.lookups(found.lower) > 0 ? this.add(parent, name, found) : null;
  }

  /**
   * Before `name` goes away: what the kernel holds of it stays reachable by another name or by a descriptor. `gone` is to be called when the
   * name is gone in truth.
   */
  parting(parent: Node, name: string, found: Found | null): Parting {
    const node = this.held(parent, name, found);
    if (!node) return { gone() {}, [Symbol.dispose]() {} };
    const is = (alias: Alias) => alias.parent === parent && alias.name === name;
    const other = node.aliases?.find(alias => !is(alias));
    const first = node.parent === parent && node.name === name;
    let kept = first && !other ? check(union.open(...this.place(node), O_PATH, 0)) : -1;
    const gone = () => {
      parent.children?.delete(name);
      if (!first) node.aliases = node.aliases?.filter(alias => !is(alias)) ?? null;
      else if (other) {
        node.aliases = node.aliases?.filter(alias => alias !== other) ?? null;
        node.parent = other.parent;
        node.name = other.name;
      } else node.orphan = kept;
      kept = -1;
      if (node.lookups === 0) this.forget(node, 0);
    };
    return {
      gone,
      [Symbol.dispose]() {
        if (kept >= 0) union.close(kept);
      },
    };
  }

  /** A name of a node became another one. */
  moved(node: Node, from: Alias, to: Alias): void {
    from.parent.children?.delete(from.name);
    to.parent.children?.set(to.name, node);
    if (node.parent === from.parent && node.name === from.name) {
      node.parent = to.parent;
      node.name = to.name;
    } else if (node.aliases)
      node.aliases = node.aliases.map(alias =>
        alias.parent === from.parent && alias.name === from.name ? to : alias,
      );
    if (from.parent !== to.parent) this.#drop(from.parent);
  }

  forget(node: Node, count: number): void {
    node.lookups -= count;
    this.#drop(node);
  }

  #drop(node: Node): void {
    if (node.lookups > 0 || node.id === ROOT || this.#nodes.get(node.id) !== node) return;
    if ((node.children?.size ?? 0) > 0 || (node.handles?.size ?? 0) > 0) return;
    this.#nodes.delete(node.id);
    this.closeDirectory(node);
    for (const [inode, linked] of this.linked) if (linked === node) this.linked.delete(inode);
    for (const entry of [node.id - LOWER_NODE, node.lower])
      if (this.#claimed.get(entry) === node) {
        this.#claimed.delete(entry);
        union.unclaim(entry);
      }
    if (node.orphan >= 0) union.close(node.orphan);
    const names = node.orphan >= 0 ? [] : [{ parent: node.parent, name: node.name }, ...(node.aliases ?? [])];
    node.orphan = -1;
    for (const { parent, name } of names) {
      if (parent?.children?.get(name) === node) parent.children.delete(name);
      if (parent) this.#drop(parent);
    }
  }

  closeDirectory(node: Node): void {
    if (node.id === ROOT || !this.#open.delete(node)) return;
    union.dead(node.id);
    union.close(node.fd);
    node.fd = -1;
  }

  /** Between two requests, so that no request loses a descriptor that it has just looked up. */
  closeSome(): void {
    if (this.#open.size > OPEN_DIRECTORIES) for (const node of this.#open) this.closeDirectory(node);
  }

  /** Where its topmost part is. */
  place(node: Node): Place {
    if (node.orphan >= 0) return [node.orphan, ''];
    if (!node.upper) return this.entryPlace(node.lower);
    return node.parent === null ? [node.fd, ''] : [this.upper(node.parent), node.name];
  }

  entryPlace(entry: number): Place {
    return [check(union.place(entry)), union.nameOf(entry)];
  }

  /** The directory in the upper, which it has to have already. */
  upper(node: Node): number {
    if (node.fd >= 0) return node.fd;
    if (!node.upper) fail(ENOENT);
    const [fd, name] = node.orphan >= 0 ? ([node.orphan, '.'] as const) : this.place(node);
    node.fd = check(union.open(fd, name, O_PATH | O_DIRECTORY, 0));
    this.#open.add(node);
    this.#live(node);
    return node.fd;
  }

  #live(node: Node): void {
    // One that is only looked at has no number.
    if (node.id > 0 && !node.marked) union.live(node.id, node.fd, node.lower, node.inode ?? 0n);
  }

  /** A name in the work directory that nothing has. */
  temporary(): Place {
    return [this.work ?? fail(EROFS), `#${(this.#temporary++).toString(16)}`];
  }

  /** Its attributes into the reply. */
  show(node: Node): void {
    if (node.upper) check(union.stat(...this.place(node), 0));
    else check(union.facts(node.lower));
    if (node.inode !== null) showInode(node.inode);
    // One link: no subdirectory can be counted (find and fts know this); it could not be told what lies below.
    if (node.directory && node.upper && node.lower >= 0) setSlot(STAT_NLINK, 1);
    else if (node.orphan >= 0 && !node.upper) setSlot(STAT_NLINK, Math.max(0, slot(STAT_NLINK) - 1));
  }

  /** Every node, parents first. */
  *nodes(): Generator<Node> {
    const root = this.#nodes.get(ROOT);
    const waiting = root ? [root] : [];
    for (let node = waiting.shift(); node; node = waiting.shift()) {
      yield node;
      waiting.push(...(node.children?.values() ?? []));
    }
  }

  /** Nodes that the kernel holds, also without a name. */
  get all(): Iterable<Node> {
    return this.#nodes.values();
  }
}
