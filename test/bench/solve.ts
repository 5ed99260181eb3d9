import { execa } from 'execa';
import { solve } from '../../src/package/solve.ts';
import { Universe } from '../../src/package/universe.ts';
import { debianScene } from '../package/debian-universe.ts';
import { asked } from '../package/small-universe.ts';
import { median, milliseconds, printTable, ratio } from './table.ts';

const names = ['gnome', 'kde-full', 'build-essential'];
const rounds = 5;

/**
 * Dependencies of a real universe, over what is installed here. Ours is read from apt's lists each time, as text; apt has them in a cache
 * of its own. Both answer for the same request in turn.
 */
export async function run(): Promise<void> {
  if ((await debianScene()) === null) {
    console.log('\nsolve: apt has no lists here: apt-get update\n');
    return;
  }
  const rows: (readonly (string | number)[])[] = [];
  let size = 0;
  for (const name of names) {
    const [read, decided, total, theirs] = [[], [], [], []] as number[][] as [
      number[],
      number[],
      number[],
      number[],
    ];
    let on = 0;
    for (let round = 0; round < rounds; round++) {
      const start = performance.now();
      const scene = await debianScene();
      if (scene === null) throw new Error('the lists went away');
      const universe = new Universe(scene.candidates);
      const ready = performance.now();
      const answer = solve({
        roots: [...scene.keep, asked(name)],
        universe,
        installed: new Set(scene.installed),
      });
      const end = performance.now();
      if (answer.kind !== 'solution') throw new Error(answer.sentences.join('\n'));
      on = answer.chosen.length - scene.installed.length;
      size = scene.candidates.length;
      read.push(ready - start);
      decided.push(end - ready);
      total.push(end - start);
      theirs.push(await timeOfApt(name));
    }
    rows.push([
      name,
      `+${on}`,
      milliseconds(median(read)),
      milliseconds(median(decided)),
      milliseconds(median(total)),
      milliseconds(median(theirs)),
      ratio(median(total), median(theirs)),
    ]);
  }
  printTable(
    `Resolving over ${size} packages (medians of ${rounds}); apt is apt-get -s install --no-install-recommends`,
    ['package', 'new', 'read', 'solve', 'ours', 'apt', 'ours/apt'],
    rows,
  );
}

async function timeOfApt(name: string): Promise<number> {
  const start = performance.now();
  await execa('apt-get', ['-s', 'install', '--no-install-recommends', name], { stdout: 'ignore' });
  return performance.now() - start;
}
