import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  MOVE_MOUNT_F_EMPTY_PATH,
  O_DIRECTORY,
  O_PATH,
  OPEN_TREE_CLONE,
} from './constants.ts';
import { Descriptor } from './descriptor.ts';
import { native, type Scratch } from './native.ts';
import { saidAny } from './refusal.ts';

/**
 * A scratch namespace in which layers are mounted under short names, for kernels that want to see a layer in the mount tree before they
 * take it. Its thread works in the directory of the names. Detached mounts that are placed here are moved, and end with it.
 */
export class ScratchLayers implements Disposable {
  #room: { scratch: Scratch; root: Descriptor } | null = null;
  #names = 0;
  /** By mount id, which is not reused while the mount is in here. */
  readonly #placed = new Map<number, string>();

  /** Opened when it is first needed: with a recent kernel never. */
  get scratch(): Scratch {
    return this.#open().scratch;
  }

  makeDirectory(): string {
    const name = (this.#names++).toString(36);
    const { root } = this.#open();
    native.mkdirat(root.fd, name, 0o755);
    return name;
  }

  /** The name under which the directory of a descriptor is found from now on. */
  place(lower: number): string {
    const own = native.statxMount(lower, '', AT_EMPTY_PATH);
    if (!this.#placed.has(own.id)) {
      using root = mountRoot(lower);
      const name = this.#moveIn(root.fd);
      if (name === null) return this.#bind(native.openTree(lower, '', OPEN_TREE_CLONE | AT_EMPTY_PATH));
      this.#placed.set(own.id, name);
    }
    const placed = this.#placed.get(own.id);
    if (placed !== undefined && own.root) return placed;
    // Now that its mount is in this namespace, every kernel binds a directory of it.
    return this.#bind(native.openTree(lower, '', OPEN_TREE_CLONE | AT_EMPTY_PATH, this.scratch));
  }

  [Symbol.dispose](): void {
    const room = this.#room;
    this.#room = null;
    room?.root[Symbol.dispose]();
    if (room) native.scratchClose(room.scratch);
  }

  #open(): { scratch: Scratch; root: Descriptor } {
    if (this.#room) return this.#room;
    const scratch = native.scratchOpen();
    try {
      const root = mountTmpfs(scratch);
      native.fchdir(root.fd, scratch);
      this.#room = { scratch, root };
      return this.#room;
    } catch (error) {
      native.scratchClose(scratch);
      throw error;
    }
  }

  #bind(clone: number): string {
    using bound = new Descriptor(clone);
    const name = this.#moveIn(bound.fd);
    if (name === null) throw new Error('a clone of a mount cannot be moved');
    return name;
  }

  /** Null for a mount that is attached in some namespace: the kernel moves only what is detached or in the caller's own. */
  #moveIn(mount: number): string | null {
    const name = this.makeDirectory();
    try {
      native.moveMount(mount, '', this.#open().root.fd, name, MOVE_MOUNT_F_EMPTY_PATH, this.scratch);
      return name;
    } catch (error) {
      if (saidAny(error, 'EINVAL')) return null;
      throw error;
    }
  }
}

/** Over the root: the thread reaches it by its descriptor, and all other paths still lead where they led. */
function mountTmpfs(scratch: Scratch): Descriptor {
  using context = new Descriptor(native.fsopen('tmpfs', scratch));
  native.fsconfigString(context.fd, 'source', 'nanolin-scratch', scratch);
  native.fsconfigCreate(context.fd, scratch);
  using root = new Descriptor(native.fsmount(context.fd, 0, scratch));
  native.moveMount(root.fd, '', AT_FDCWD, '/', MOVE_MOUNT_F_EMPTY_PATH, scratch);
  return new Descriptor(root.release());
}

/** Up through the parents, which end at the root of a mount that is not attached anywhere. */
function mountRoot(directory: number, path = '.'): Descriptor {
  using at = new Descriptor(native.openat2(directory, path, O_PATH | O_DIRECTORY, 0, 0));
  const { root } = native.statxMount(at.fd, '', AT_EMPTY_PATH);
  return root ? new Descriptor(at.release()) : mountRoot(at.fd, '..');
}
