import { getattr, setattr } from './attributes.ts';
import { compile } from './compile.ts';
import { createFile, createTemporary, link, mkdir, mknod, present, symlink } from './create.ts';
import { check, EIO, ENOENT, EPERM, Errno, fail, Later } from './errno.ts';
import { O_DIRECTORY, O_RDONLY } from './flags.ts';
import { release } from './handles.ts';
import { lookup } from './lookup.ts';
import { type Handler, union } from './native.ts';
import { open } from './open.ts';
import { readdir } from './readdir.ts';
import { rmdir, unlink } from './remove.ts';
import { rename } from './rename.ts';
import { seek } from './seek.ts';
import { ARGUMENT, setSlot, slot, TASK } from './slots.ts';
import type { Tree } from './tree.ts';
import { getxattr, listxattr, removexattr, setxattr } from './xattr.ts';

/** `enum fuse_opcode` of <linux/fuse.h>, those that come here; the last one is the table's own, native/fuse/union.h. */
const opcodes = {
  1: 'lookup',
  2: 'forget',
  3: 'getattr',
  4: 'setattr',
  5: 'readlink',
  6: 'symlink',
  8: 'mknod',
  9: 'mkdir',
  10: 'unlink',
  11: 'rmdir',
  12: 'rename',
  13: 'link',
  14: 'open',
  18: 'release',
  21: 'setxattr',
  22: 'getxattr',
  23: 'listxattr',
  24: 'removexattr',
  28: 'readdir',
  44: 'readdir',
  30: 'fsyncdir',
  35: 'create',
  46: 'lseek',
  45: 'rename',
  51: 'tmpfile',
  4096: 'compile',
} as const;

type Request = (typeof opcodes)[keyof typeof opcodes];

/** One answer a request: on the node, the names that came with it, and its numbers in the slots. */
type Answers = Readonly<
  Record<Request, (tree: Tree, node: number, first: string, second: string) => number | string>
>;

const argument = (index: number): number => slot(ARGUMENT + index);

const answers: Answers = {
  lookup(tree, id, name) {
    const found = lookup(tree, tree.node(id), name) ?? fail(ENOENT);
    return typeof found === 'number' ? union.present(found) : present(tree, found);
  },
  compile(_tree, entry) {
    compile(entry);
    return 0;
  },
  forget(tree, id) {
    const node = tree.known(id);
    if (node) tree.forget(node, argument(0));
    return 0;
  },
  getattr: (tree, id) => getattr(tree, tree.node(id)),
  setattr: (tree, id) => setattr(tree, tree.node(id)),
  readlink: (tree, id) => check(union.readlink(...tree.place(tree.node(id)))),
  symlink: (tree, id, name, target) => present(tree, symlink(tree, tree.node(id), name, target)),
  mknod: (tree, id, name) => present(tree, mknod(tree, tree.node(id), name, argument(0), argument(1))),
  mkdir: (tree, id, name) => present(tree, mkdir(tree, tree.node(id), name, argument(0))),
  unlink: (tree, id, name) => unlink(tree, tree.node(id), name),
  rmdir: (tree, id, name) => rmdir(tree, tree.node(id), name),
  rename: (tree, id, name, newName) =>
    rename(
      tree,
      { parent: tree.node(id), name },
      { parent: tree.node(argument(0)), name: newName },
      argument(1),
    ),
  link: (tree, id, name) => present(tree, link(tree, tree.node(argument(0)), tree.node(id), name)),
  open: (tree, id) => open(tree, tree.node(id), argument(0), argument(1)),
  release: tree => release(tree, argument(0)),
  setxattr: (tree, id, name, value) => setxattr(tree, tree.node(id), name, value, argument(0), argument(1)),
  getxattr: (tree, id, name) => getxattr(tree, id, name),
  listxattr: (tree, id) => listxattr(tree, id),
  removexattr: (tree, id, name) => removexattr(tree, tree.node(id), name),
  readdir: (tree, id) => readdir(tree, tree.node(id), argument(0)),
  fsyncdir(tree, id) {
    const node = tree.known(id);
    if (!node?.upper) return 0;
    const fd = check(union.open(tree.upper(node), '.', O_RDONLY | O_DIRECTORY, 0));
    const result = union.fsync(fd);
    union.close(fd);
    return result;
  },
  lseek: (tree, id) => seek(tree.node(id), argument(0), argument(1), argument(2)),
  create: (tree, id, name) => present(tree, createFile(tree, tree.node(id), name, argument(0), argument(1))),
  tmpfile: (tree, id) => present(tree, createTemporary(tree, tree.node(id), argument(0), argument(1))),
};

/** What nobody has thought of is EIO for the caller and a line for the log; the process goes on. */
export function handlerFor(tree: Tree, log: (error: unknown) => void): Handler {
  return (opcode, node, first = '', second = '') => {
    try {
      tree.closeSome();
      const name = opcodes[opcode as keyof typeof opcodes];
      return name ? answers[name](tree, node, first, second) : -EPERM;
    } catch (error) {
      if (error instanceof Errno) return -error.errno;
      if (error instanceof Later) return parked(error);
      log(error);
      return -EIO;
    }
  };
}

const PARKED = 2 ** 30;

function parked({ task }: Later): number {
  setSlot(TASK, task);
  return PARKED;
}
