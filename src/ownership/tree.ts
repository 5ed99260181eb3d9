/**
 * What one layer, upper or base holds below a target, by path. Paths are byte strings (one char per byte, latin1), relative,
 * '' for the root. A tree is a picture for one question: a live one remembers its last answer, so make a new one for the next.
 */
export interface Tree {
  /** Null where the tree has nothing of that name. The parent must be a directory of this tree, not a symlink to one. */
  entry(path: string): Node | null;
  /** Names in the directory `path`, in the order of their bytes, whiteouts among them. */
  children(path: string): readonly string[];
}

export interface Node {
  /** A whiteout is a character device 0/0 or an empty file with trusted.overlay.whiteout. */
  readonly kind: 'file' | 'dir' | 'link' | 'whiteout' | 'other';
  /** Permission bits, at most 07777. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of a file, 0 for all else. */
  readonly size: number;
  /** A directory with trusted.overlay.opaque=y: what lower layers hold below it is hidden. */
  readonly opaque: boolean;
  /** SHA-256 of a file, target of a link, type and number of a device. A live file is read when this is asked for. */
  content(): string;
  /** The extended attributes that matter to a program, in one string. */
  xattrs(): string;
}

/** Equal in all that a program can tell: type, owner, mode, content and attributes; times are not compared. */
export function sameNode(a: Node, b: Node): boolean {
  return a === b || (a.kind === b.kind && sameContent(a, b) && sameAttributes(a, b));
}

/** The cheap comparison first: a hash of a live file is a read of all of it. */
export function sameContent(a: Node, b: Node): boolean {
  if (a.kind !== b.kind || a.size !== b.size) return false;
  if (a.kind === 'dir' || a.kind === 'whiteout') return true;
  return (a.kind === 'file' && a.size === 0) || a.content() === b.content();
}

export function sameAttributes(a: Node, b: Node): boolean {
  return a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.xattrs() === b.xattrs();
}

/**
 * Only these are compared. Labels of a security module and marks of overlayfs belong to the place where a file lies, so a
 * manifest made elsewhere would differ from the base in every line.
 */
export function telling(xattr: string): boolean {
  return (
    xattr.startsWith('user.') || xattr === 'security.capability' || xattr.startsWith('system.posix_acl_')
  );
}

/** Path of `name` in the directory `path`. */
export function below(path: string, name: string): string {
  return path === '' ? name : `${path}/${name}`;
}
