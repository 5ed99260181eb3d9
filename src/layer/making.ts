/** What makes an image step by step, for rooms above that bring their own tree. A switch does not need any of it. */
export { downloadDebs, resolveDebs } from './apt.ts';
export { type Control, readControl } from './deb.ts';
export { findReusable, type Sealed, sealTree, storeSealed } from './keep.ts';
export { mergedPath, mergeUsr } from './merged-usr.ts';
export { nameSource } from './name-source.ts';
export { checkBlob, isOciLayout, readOciLayout } from './oci.ts';
export { dropWhiteouts, mergeUnder } from './oci-merge.ts';
export { hashFile, openSource, readHead } from './read-source.ts';
export { failure, plainEnvironment, run } from './run.ts';
export { closeWork, openWork } from './store.ts';
export { unpack } from './unpack.ts';
export { walkTree } from './walk.ts';
