export { type Attached, attachImage } from './attach.ts';
export { type Backend, chooseBackend } from './backend.ts';
export { openBase, openNestedInBase } from './base.ts';
export * from './constants.ts';
export { Descriptor } from './descriptor.ts';
export { openEmpty } from './empty.ts';
export { fuseProblem } from './fuse.ts';
export { commandOf, holdersOf, type ProcessHold } from './holders.ts';
export { type ImageReader, imageReader } from './image-readers.ts';
export { type Mount, nestedBelow, parseMountinfo, readMountinfo, topmost } from './mountinfo.ts';
export {
  addonPath,
  type HeldBy,
  type LoopStep,
  type MountIdentity,
  type Native,
  native,
  type Scratch,
  type SysError,
} from './native.ts';
export { assembleOverlay, type Overlay, type OverlayRequest } from './overlay.ts';
export { probeKernel } from './probe.ts';
export { isSysError, saidAny } from './refusal.ts';
export { ScratchLayers } from './scratch-layers.ts';
export { openSubtree } from './subtree.ts';
export type { Probe } from './types.ts';
export { everyIdMapped, uidOutside } from './user-namespaces.ts';
