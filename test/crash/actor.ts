/**
 * Does one thing with the library and kills itself at the Nth step boundary: `actor ROOT N ACTION ARG...`. N is 0 to live, and then it
 * prints the names of the boundaries that it passed. The tight loop of the swap is made one call at a time here, so that its
 * inner boundaries can be hit as well.
 */
import { createRequire } from 'node:module';
import { type Nanolin, openNanolin } from '../../src/index.ts';
import type { LoopStep, Native } from '../../src/kernel/index.ts';

const [root = '', nth = '0', action = '', ...words] = process.argv.slice(2);
const passed: string[] = [];

function at(point: string): void {
  passed.push(point);
  if (passed.length === Number(nth)) process.kill(process.pid, 'SIGKILL');
}

const native: Native = createRequire(import.meta.url)('../../native/build/Release/nanolin.node');
const { runLoop } = native;
Object.assign(native, {
  runLoop(steps: readonly LoopStep[]): bigint[] {
    return steps.flatMap((step, index) => {
      at(`loop:${step.do}`);
      try {
        return runLoop.call(native, [step]).slice(index === 0 ? 0 : 1);
      } catch (error) {
        throw Object.assign(error as object, { index });
      }
    });
  },
});

const actions: Record<string, (nanolin: Nanolin) => Promise<unknown>> = {
  switch: nanolin => nanolin.profile.switch(words[0] ?? ''),
  enable: nanolin => nanolin.enable(words),
  rollback: nanolin => nanolin.rollback(Number(words[0])),
  import: nanolin => nanolin.layer.import(words[0] ?? '', { name: words[1] ?? '', version: '1' }),
  remove: nanolin => nanolin.layer.remove(words[0] ?? ''),
};

await actions[action]?.(await openNanolin({ root, at }));
console.log(JSON.stringify(passed));
