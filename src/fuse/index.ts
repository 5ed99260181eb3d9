export { mountByKernel } from './by-kernel.ts';
export { parseUnionOptions, type UnionOptions } from './options.ts';
export { type Served, serveUnion } from './serve.ts';
export { startServer, tellReady } from './start.ts';
