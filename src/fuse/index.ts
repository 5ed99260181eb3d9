export { mountByKernel } from './by-kernel.ts';
export type { ControlReply, HeldObject, LowerRequest } from './control.ts';
export { LOWERS_MAX } from './control.ts';
export { ControlLine } from './control-line.ts';
export { serveStack } from './control-serve.ts';
export { logToSystem, textOf } from './log.ts';
export { parseUnionOptions, type UnionOptions } from './options.ts';
export { type Served, serveUnion } from './serve.ts';
export { isServer, startServer, tellReady } from './start.ts';
