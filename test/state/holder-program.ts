/** Enables `two` and stops for good at the first step boundary, holding the lock: `holder ROOT`. */
import { openNanolin } from '../../src/index.ts';

const nanolin = await openNanolin({
  root: process.argv[2] ?? '',
  at() {
    process.stdout.write('locked\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  },
});
await nanolin.enable(['two']);
