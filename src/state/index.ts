export type { Context, Forced, Log, Progress } from './context.ts';
export {
  DamagedState,
  type Document,
  document,
  replaceFile,
  type Staged,
  setAside,
  stageFile,
  sweepStaged,
  syncDirectory,
} from './document.ts';
export { lockState } from './lock.ts';
export { choosePaths, type Paths, pathsBelow } from './paths.ts';
export { type Runtime, runtimeDirectory } from './runtime.ts';
export { ordinaryUser, requireOwn, strangerOwns, type Who, whoAmI } from './who.ts';
