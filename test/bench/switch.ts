import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { converse } from '../gap/conversation.ts';
import { program } from '../programs/build.ts';
import { benchScene, extensionTrees, importTrees, storedAt } from './stage.ts';
import { median, milliseconds, printTable, ratio } from './table.ts';

/** What bare.c measures, in nanoseconds. */
interface BareTimes {
  readonly attach: number;
  readonly assemble: number;
  readonly swap: number;
  readonly release: number;
  readonly total: number;
}

/** Milliseconds: until the old stack is detached, and with all that comes after. */
interface Times {
  readonly visible: number[];
  readonly whole: number[];
}

const depths = [2, 8, 32, 128, 499];
const rounds = (layers: number) => (layers > 100 ? 15 : 41);

/** (a) The library's switch against a C program that makes the same calls for the same images. */
export async function run(scratch: string): Promise<void> {
  await using scene = await benchScene(scratch);
  const nanolin = await scene.open();
  const started = performance.now();
  const layers = await importTrees(nanolin, extensionTrees(scratch, Math.max(...depths) + 1));
  console.log(
    `imported ${layers.length} layers, ${milliseconds((performance.now() - started) / layers.length)} each`,
  );

  const rows: string[][] = [];
  for (const depth of depths) {
    // Both stacks have all layers but one in common, and each switch mounts all of its own anew.
    const stacks = { [`a${depth}`]: layers.slice(0, depth), [`b${depth}`]: layers.slice(1, depth + 1) };
    const lists = Object.entries(stacks).map(([name, stack]) => {
      scene.profile(
        name,
        stack.map(layer => layer.name),
        { from: '/usr' },
      );
      const list = join(scene.directory, name);
      writeFileSync(
        list,
        stack
          .map(layer => `${storedAt(scene, layer)}\n`)
          .reverse()
          .join(''),
      );
      return list;
    });
    const beside = join(scene.target, '..', `bare-${depth}`);
    mkdirSync(beside);
    await using bare = converse<BareTimes>([program('bare'), beside, 'keep', 'beneath', 'usr', ...lists]);

    const ours: Times = { visible: [], whole: [] };
    const theirs: Times = { visible: [], whole: [] };
    for (let round = 0; round < rounds(depth) + 2; round++) {
      const before = performance.now();
      const { ms } = await nanolin.profile.switch(`${round % 2 === 0 ? 'a' : 'b'}${depth}`);
      const call = performance.now() - before;
      const times = await bare.ask();
      // The first switches of each mount over nothing, or the other depth.
      if (round < 2) continue;
      ours.visible.push(ms.plan + ms.prepare + ms.swap);
      ours.whole.push(call);
      theirs.visible.push((times.attach + times.assemble + times.swap) / 1e6);
      theirs.whole.push(times.total / 1e6);
    }
    rows.push([
      String(depth),
      ...[theirs.visible, ours.visible, theirs.whole, ours.whole].map(times => milliseconds(median(times))),
      ratio(median(ours.visible), median(theirs.visible)),
      ratio(median(ours.whole), median(theirs.whole)),
    ]);
  }
  printTable(
    'A switch of the library against the bare system calls (medians)',
    ['layers', 'bare to detach', 'ours to detach', 'bare whole', 'profile switch', 'to detach', 'whole'],
    rows,
  );
}
