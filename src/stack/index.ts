export { type Applied, type ApplyOptions, applyGeneration, planFor } from './apply.ts';
export { isEmptyDirectory } from './facts.ts';
export { FuseMounter } from './fuse-mounter.ts';
export { currentGeneration, nextNumber, readGeneration, readHistory } from './history.ts';
export { aboutToGo, type Going, holdersOf, type Pins, pinsOf } from './holders.ts';
export { baseOf } from './in-place.ts';
export { KernelMounter } from './kernel-mounter.ts';
export { backendOf, isOurs } from './mounted.ts';
export type { Backend, Mounter, MounterFactory } from './mounter.ts';
export { type PlannedMove, type Step, type SwitchPlan, sameStack } from './plan.ts';
export { type MountRecord, ownRecord, type Retired, runRecord } from './record.ts';
export { inspectIntent, type Recovery, recoverSwitch } from './recover.ts';
export { hasEnded } from './server.ts';
export type {
  Generation,
  Held,
  Holder,
  LayerRef,
  LeftOut,
  OldView,
  Stack,
  SwitchResult,
  Target,
  Writers,
  Writing,
} from './types.ts';
export { deadStacks, generationsShown, sweepSockets } from './unions.ts';
export { upperPlace } from './upper.ts';
