export { type Conflict, type ConflictKind, conflicts } from './conflicts.ts';
export {
  type ChangeCounts,
  countChanges,
  type MaskedPath,
  type PathChange,
  type PathChanges,
  pathChanges,
} from './diff.ts';
export { liveTree, type XattrReader } from './live-tree.ts';
export { manifestTree } from './manifest-tree.ts';
export { namesIn } from './names.ts';
export { type LayerTree, type OwnedUnion, type Ownership, ownerOf } from './owner.ts';
export {
  type BuildOptions,
  buildPathIndex,
  openPathIndex,
  openStoreOwners,
  ownersInStore,
  type PathIndex,
  type PathSource,
  type StoreOwners,
} from './path-index/index.ts';
export { type Node, sameNode, type Tree } from './tree.ts';
export { type Found, type Link, resolve, resolveChain, type Union } from './union.ts';
export { type LocalChange, type LocalKind, verifyUpper } from './verify.ts';
