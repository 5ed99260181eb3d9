import { check, ENOENT, EROFS, fail } from './errno.ts';
import { O_DIRECTORY, O_PATH } from './flags.ts';
import { union } from './native.ts';
import { type Alias, type Found, type Handle, Node, none } from './node.ts';
import { STAT_NLINK, setSlot, showInode, shownInode, slot } from './slots.ts';

export interface Layer {
  /** Its root, O_PATH. */
  readonly fd: number;
  /** Number of its file system in the union; 0 is the topmost layer's. */
  readonly system: number;
}

/** A descriptor and one name below it, or '' for the descriptor itself. */
export type Place = readonly [fd: number, name: string];

/** Descriptors of directories that stay open between requests. */
const OPEN_DIRECTORIES = 2048;

/** The nodes of one union, and what is open for them. Requests come one after the other: nothing here is seen half-done. */
export class Tree {
  readonly layers: Layer[];
  /** Descriptor of the work directory's own directory; null for a union that is read-only. */
  readonly work: number | null;
  /** `trusted.overlay.`, or `user.overlay.` for unprivileged unions. */
  readonly prefix: string;
  /** Are copied files flushed before they become visible? */
  readonly durable: boolean;
  readonly root: Node;
  readonly handles = new Map<number, Handle>();
  readonly #nodes = new Map<number, Node>();
  /** Objects of the upper with several names, by inode: one node for them all. */
  readonly linked = new Map<bigint, Node>();
  readonly #open = new Set<Node>();
  #descriptors = 0;
  #next = 2;
  #temporary = 0;

  constructor(layers: Layer[], work: number | null, prefix: string, durable: boolean) {
    this.layers = layers;
    this.work = work;
    this.prefix = prefix;
    this.durable = durable;
    this.root = new Node(1, null, '', {
      directory: true,
      layers: layers.map((_, index) => index),
      marked: none,
      inode: null,
    });
    this.root.fds = layers.map(({ fd }) => fd);
    this.root.lookups = 1;
    this.#nodes.set(1, this.root);
  }

  get writable(): boolean {
    return this.work !== null;
  }

  node(id: number): Node {
    return this.#nodes.get(id) ?? fail(ENOENT);
  }

  /** Is its topmost part in the upper? */
  inUpper(node: Node): boolean {
    return this.writable && node.layers[0] === 0;
  }

  add(parent: Node, name: string, found: Found): Node {
    const node = new Node(this.#next++, parent, name, found);
    this.#nodes.set(node.id, node);
    if (name !== '') parent.children?.set(name, node);
    return node;
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

  /**
   * Before `name` goes away: what the kernel holds of it stays reachable by another name or by a descriptor. Returns what to do when the
   * name is gone in truth.
   */
  parting(parent: Node, name: string): () => void {
    const node = parent.children?.get(name);
    if (!node) return () => {};
    const is = (alias: Alias) => alias.parent === parent && alias.name === name;
    const other = node.aliases?.find(alias => !is(alias));
    const first = node.parent === parent && node.name === name;
    const kept = first && !other ? check(union.open(...this.place(node), O_PATH, 0)) : -1;
    return () => {
      parent.children?.delete(name);
      if (!first) node.aliases = node.aliases?.filter(alias => !is(alias)) ?? null;
      else if (other) {
        node.aliases = node.aliases?.filter(alias => alias !== other) ?? null;
        node.parent = other.parent;
        node.name = other.name;
      } else node.orphan = kept;
      if (node.lookups === 0) this.forget(node, 0);
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
    if (node.lookups > 0 || node === this.root || !this.#nodes.has(node.id)) return;
    if ((node.children?.size ?? 0) > 0 || (node.handles?.size ?? 0) > 0) return;
    this.#nodes.delete(node.id);
    this.closeDirectory(node);
    for (const [inode, linked] of this.linked) if (linked === node) this.linked.delete(inode);
    if (node.orphan >= 0) union.close(node.orphan);
    const names = node.orphan >= 0 ? [] : [{ parent: node.parent, name: node.name }, ...(node.aliases ?? [])];
    node.orphan = -1;
    for (const { parent, name } of names) {
      if (parent?.children?.get(name) === node) parent.children.delete(name);
      if (parent) this.#drop(parent);
    }
  }

  closeDirectory(node: Node): void {
    if (node === this.root || !this.#open.delete(node)) return;
    for (const fd of node.fds.filter(open => open >= 0)) {
      union.close(fd);
      this.#descriptors--;
    }
    node.fds = node.layers.map(() => -1);
  }

  /** Between two requests, so that no request loses a descriptor that it has just looked up. */
  closeSome(): void {
    if (this.#descriptors > OPEN_DIRECTORIES) for (const node of this.#open) this.closeDirectory(node);
  }

  /** Of a directory in one of its layers. */
  directory(node: Node, layer: number): number {
    const index = node.layers.indexOf(layer);
    const open = node.fds[index];
    if (open === undefined) fail(ENOENT);
    if (open >= 0) return open;
    const [fd, name] =
      node.orphan >= 0 && index === 0 ? ([node.orphan, '.'] as const) : this.#below(node, layer);
    const opened = check(union.open(fd, name, O_PATH | O_DIRECTORY, 0));
    node.fds[index] = opened;
    this.#open.add(node);
    this.#descriptors++;
    return opened;
  }

  #below(node: Node, layer: number): Place {
    return node.parent && node.orphan < 0 ? [this.directory(node.parent, layer), node.name] : fail(ENOENT);
  }

  /** Where its topmost part is. */
  place(node: Node): Place {
    if (node.orphan >= 0) return [node.orphan, ''];
    const layer = node.layers[0] ?? fail(ENOENT);
    return node === this.root ? [this.directory(node, layer), ''] : this.#below(node, layer);
  }

  system(node: Node): number {
    return this.layers[node.layers[0] ?? 0]?.system ?? 0;
  }

  /** The directory in the upper, which it has to have already. */
  upper(node: Node): number {
    return this.directory(node, 0);
  }

  /** A name in the work directory that nothing has. */
  temporary(): Place {
    return [this.work ?? fail(EROFS), `#${(this.#temporary++).toString(16)}`];
  }

  /**
   * Other lowers take the place of those there are, topmost first. What is the same in both keeps its node; everything else that the kernel
   * still holds goes on in a copy of the old directories. `find` is the look-up.
   */
  swap(lowers: readonly Layer[], find: (parent: Node, name: string) => Found | null): void {
    const { root } = this;
    const past = new Node(0, null, '', { directory: true, layers: root.layers, marked: none, inode: null });
    past.fds = root.fds;
    const indexes = lowers.map(lower => {
      const known = this.layers.findIndex(({ fd }) => fd === lower.fd);
      return known < 0 ? this.layers.push(lower) - 1 : known;
    });
    root.layers = [...(this.writable ? [0] : []), ...indexes];
    root.fds = root.layers.map(layer => this.layers[layer]?.fd ?? -1);
    this.#refresh(root, past, find);
  }

  #refresh(directory: Node, past: Node, find: (parent: Node, name: string) => Found | null): void {
    for (const [name, child] of directory.children ?? []) {
      const found = find(directory, name);
      if (found?.directory && child.directory) {
        const { layers, marked, inode } = child;
        const before = new Node(0, past, name, { directory: true, layers, marked, inode });
        this.closeDirectory(child);
        Object.assign(child, { layers: found.layers, marked: found.marked, inode: found.inode });
        child.fds = found.layers.map(() => -1);
        this.#refresh(child, before, find);
      } else if (!found || found.directory || child.directory || found.layers[0] !== child.layers[0]) {
        directory.children?.delete(name);
        child.parent = past;
        past.children?.set(name, child);
      }
    }
  }

  /** Inode numbers of what is open and not shown any more. */
  held(): bigint[] {
    const past = (node: Node): boolean => (node.parent ? past(node.parent) : node !== this.root);
    return [...new Set([...this.handles.values()].map(({ node }) => node))].filter(past).map(node => {
      this.show(node);
      return shownInode();
    });
  }

  /** Its attributes into the reply. */
  show(node: Node): void {
    check(union.stat(...this.place(node), this.system(node)));
    if (node.inode !== null) showInode(node.inode);
    // One link: no subdirectory can be counted (find and fts know this); it could not be told what lies below.
    if (node.layers.length > 1) setSlot(STAT_NLINK, 1);
    else if (node.orphan >= 0 && !this.inUpper(node)) setSlot(STAT_NLINK, Math.max(0, slot(STAT_NLINK) - 1));
  }
}
