/**
 * Does one thing with the library and kills at the Nth step boundary: `actor ROOT N ACTION ARG...`. N is 0 to let all live, and then it
 * prints the names of the boundaries that it passed. The tight loop of the swap is made one call at a time here, so that its
 * inner boundaries can be hit as well. NANOLIN_TEST_VICTIM says who is killed: `controller` (this process), `servers` or `both`;
 * NANOLIN_TEST_OPTIONS is what the library is opened with.
 */
import { createRequire } from 'node:module';
import { type Nanolin, type OpenOptions, openNanolin } from '../../src/index.ts';
import type { LoopStep, Native } from '../../src/kernel/index.ts';
import { killServers } from './servers.ts';

const [root = '', nth = '0', action = '', ...words] = process.argv.slice(2);
const victim = process.env.NANOLIN_TEST_VICTIM ?? 'controller';
const options: OpenOptions = JSON.parse(process.env.NANOLIN_TEST_OPTIONS ?? '{}');
const passed: string[] = [];

function at(point: string): void {
  passed.push(point);
  if (passed.length !== Number(nth)) return;
  if (victim !== 'controller') killServers(root);
  if (victim !== 'servers') process.kill(process.pid, 'SIGKILL');
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

await actions[action]?.(await openNanolin({ root, restart: false, ...options, at }));
console.log(JSON.stringify(passed));
