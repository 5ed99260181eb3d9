// limit: 900s
/** 1,500 operations for each of two seeds on each mount; 25,000 for each of four with NANOLIN_LONG=1. NANOLIN_SEED=N runs one seed. */
import { execFileSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';
import { fsxFiles, fsxScript } from './fsx.ts';
import { difference, long, play, type Script, seeds, shortened } from './script.ts';
import { type Backend, digest, makeUnion, noUnion, timeless } from './union.ts';

const test = suite('union: random operations on data');
const [runs, steps] = long ? [4, 25_000] : [2, 1500];

for (const backend of ['kernel', 'fuse'] as const)
  for (const seed of seeds(runs))
    needs(test, noUnion)(
      `54 59 ${steps} operations give what a plain directory gives, seed ${seed} [${backend}]`,
      async () => {
        const script = fsxScript(seed, steps, backend === 'fuse');
        const found = await disagreement(backend, script);
        if (!found) return;
        const part = await shortened(script, async tried => (await disagreement(backend, tried)) !== null);
        assert.unreachable(
          `seed ${seed}: ${found}\nshortest:\n${part.join('\n')}\n${await disagreement(backend, part)}`,
        );
      },
    );

/** What a script shows of a union and not of a plain directory, or null. */
async function disagreement(backend: Backend, script: Script): Promise<string | null> {
  await using union = await makeUnion(backend, [fsxFiles], null);
  execFileSync('truncate', ['-s', '150000', `${union.lowers[0]}/sparse`]);
  const plain = `${union.scratch}/plain`;
  execFileSync('cp', ['-a', union.lowers[0] ?? '', plain]);
  await union.mount();
  const found = difference(play({ path: union.merged }, script), play({ path: plain }, script));
  if (found)
    return `${found.line}: ${script[found.line]}: ${found.union}, on a plain directory ${found.plain}`;
  for (const when of ['at the end', 'after a remount']) {
    if (timeless(union.merged).join() !== timeless(plain).join()) return `other files ${when}`;
    if (when === 'at the end') await union.remount();
  }
  assert.equal(union.lowers.map(digest), union.before, 'a lower was changed');
  return null;
}

test.run();
