/**
 * An object of the union that TypeScript answers for: what the upper has, and what of the lowers is about to be changed. (All else of the
 * lowers is the table's, native/fuse/table.c, which knows it by its entry.) One node for all hard links in the upper, so that they share
 * attributes and pages. What lies below it on disk is found by its parent's descriptor and its name, never by a path.
 */
export class Node {
  readonly id: number;
  /** One of its names; the others are in `aliases`. A node that has lost its last name has an orphan descriptor. */
  parent: Node | null;
  name: string;
  /** Is its topmost part in the upper? */
  upper: boolean;
  /** Its entry in the table, -1 for none: the whole of it, or for a directory of the upper what it merges with. */
  lower: number;
  /** Its directory in the upper, -1 while that is not open. */
  fd = -1;
  /** In its part in the upper, zero-size files with a whiteout attribute are whiteouts. */
  marked: boolean;
  /** The number to show where it is not the one of the topmost object, so that it stays the same over a copy-up. */
  inode: bigint | null;
  /** References of the kernel. */
  lookups = 0;
  /** Descriptor (O_PATH) of what has no name any more, -1 otherwise. */
  orphan = -1;
  aliases: Alias[] | null = null;
  /** Those of its names that have a node. */
  readonly children: Map<string, Node> | null;
  handles: Set<Handle> | null = null;

  constructor(id: number, parent: Node | null, name: string, found: Found) {
    this.id = id;
    this.parent = parent;
    this.name = name;
    this.upper = found.upper;
    this.lower = found.lower;
    this.marked = found.marked;
    this.inode = found.inode;
    this.children = found.directory ? new Map() : null;
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
  readonly upper: boolean;
  readonly lower: number;
  readonly marked: boolean;
  readonly inode: bigint | null;
}

/** Something new, which only the upper has. */
export const fresh = (directory: boolean): Found => ({
  directory,
  upper: true,
  lower: -1,
  marked: false,
  inode: null,
});
