/**
 * An object of the union that the kernel holds by number. It is one for all its hard links in the upper, so that they share attributes
 * and pages. What lies below it on disk is found by its parent's descriptors and its name, never by a path.
 */
export class Node {
  readonly id: number;
  /** One of its names; the others are in `aliases`. A node that has lost its last name has an orphan descriptor. */
  parent: Node | null;
  name: string;
  /** Layers that it comes from, topmost first; 0 is the upper where there is one. Only a directory has more than one. */
  layers: number[];
  /** A directory's descriptors, one for each of `layers`, -1 while it is not open. */
  fds: number[];
  /** Layers in which zero-size files with a whiteout attribute are whiteouts. */
  marked: ReadonlySet<number> = none;
  /** The number to show where it is not the one of the topmost object, so that it stays the same over a copy-up. */
  inode: bigint | null = null;
  /** References of the kernel. Numbers are not used again, so a late one can only miss. */
  lookups = 0;
  /** Descriptor (O_PATH) of what has no name any more, -1 otherwise. */
  orphan = -1;
  aliases: Alias[] | null = null;
  children: Map<string, Node> | null;
  handles: Set<Handle> | null = null;

  constructor(id: number, parent: Node | null, name: string, found: Found) {
    this.id = id;
    this.parent = parent;
    this.name = name;
    this.layers = found.layers;
    this.marked = found.marked;
    this.inode = found.inode;
    this.children = found.directory ? new Map() : null;
    this.fds = found.directory ? found.layers.map(() => -1) : [];
  }

  get directory(): boolean {
    return this.children !== null;
  }
}

export interface Alias {
  readonly parent: Node;
  readonly name: string;
}

/** An open file; its descriptor is the number that the kernel gives back with each read and write. */
export interface Handle {
  readonly fd: number;
  readonly flags: number;
  readonly node: Node;
}

/** What a name stands for. */
export interface Found {
  readonly directory: boolean;
  readonly layers: number[];
  readonly marked: ReadonlySet<number>;
  readonly inode: bigint | null;
}

export const none: ReadonlySet<number> = new Set();
