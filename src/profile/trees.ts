import { readManifest } from '../layer/index.ts';
import { manifestTree, type Tree } from '../ownership/index.ts';
import type { LayerRef } from '../stack/index.ts';
import type { Context } from '../state/index.ts';

/**
 * What each layer brings, by its manifest. One object per layer and subtree as long as the instance lives: two stacks that share a
 * layer share its tree, and nothing below a shared tree has to be compared.
 */
export class LayerTrees {
  readonly #ctx: Context;
  readonly #trees = new Map<string, Tree>();

  constructor(ctx: Context) {
    this.#ctx = ctx;
  }

  tree(layer: LayerRef, from: string): Tree {
    const key = `${layer.digest} ${from}`;
    let tree = this.#trees.get(key);
    if (!tree) {
      tree = manifestTree(readManifest(this.#ctx, layer), from);
      this.#trees.set(key, tree);
    }
    return tree;
  }

  /** Does the image hold the subtree as a directory? A layer whose manifest is lost says so when it is attached. */
  holds(layer: LayerRef, from: string): boolean {
    if (from === '') return true;
    try {
      return this.tree(layer, from).entry('')?.kind === 'dir';
    } catch {
      return true;
    }
  }
}
