import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { converse } from '../gap/conversation.ts';
import { type SwarmCounts, startSwarm, swarmList } from '../gap/swarm.ts';
import { expectedAt, writeLayerTree } from '../gap/trees.ts';
import { program } from '../programs/build.ts';
import { extendedSystem, refresh, timed } from './extensions.ts';
import { benchScene, extensionTrees, importTrees, storedAt } from './stage.ts';
import { printTable } from './table.ts';

const depth = 8;
const workers = 3;
const operations = 1_000_000;

/** How many look-ups fail while a stack of eight layers is replaced, under the same readers in each way of replacing it. */
export async function run(scratch: string): Promise<void> {
  await using scene = await benchScene(scratch);
  const nanolin = await scene.open();
  const trees = extensionTrees(scratch, depth + 1, usr => writeLayerTree(usr, 'word'));
  const layers = await importTrees(nanolin, trees);
  const lists = [0, 1].map(first => {
    const list = join(scene.directory, `images-${first}`);
    writeFileSync(
      list,
      layers
        .slice(first, first + depth)
        .map(layer => `${storedAt(scene, layer)}\n`)
        .reverse()
        .join(''),
    );
    scene.profile(
      `p${first}`,
      layers.slice(first, first + depth).map(layer => layer.name),
      { from: '/usr' },
    );
    return list;
  });

  const rows: string[][] = [];
  async function measure(
    how: string,
    target: string,
    least: number,
    change: (turn: number) => Promise<unknown>,
    within: readonly string[] = [],
  ): Promise<void> {
    for (let turn = 0; turn < 2; turn++) await change(turn);
    const list = join(scene.directory, 'list');
    writeFileSync(list, swarmList(expectedAt(target, ['word'])));
    await using swarm = startSwarm(program('swarm'), list, workers, within);
    const begun = await swarm.ask();
    if (begun.failures > 0) throw new Error(`${how}: ${begun.failures} failures before the first switch`);
    let switches = 0;
    for (; switches < least || (await swarm.ask()).operations < operations; switches++)
      await change(switches);
    const counts = await swarm.end();
    if (counts) rows.push(row(how, switches, counts));
  }

  const naive = join(scene.target, '../naive');
  mkdirSync(naive);
  {
    await using bare = converse([program('bare'), naive, 'keep', 'naive', 'usr', ...lists]);
    await measure('umount, then mount (two system calls in C)', naive, 200, () => bare.ask());
  }
  {
    await using extended = await extendedSystem(scratch, 'raw-gap', trees.slice(0, depth));
    const within = ['nsenter', '--mount', `--target=${extended.pid}`];
    await measure('systemd-sysext refresh', '/usr', 20, () => timed(extended, refresh), within);
    await timed(extended, ['systemd-sysext', 'unmerge']);
  }
  await measure('nanolin profile switch', scene.target, 1000, turn => nanolin.profile.switch(`p${turn % 2}`));
  printTable(
    `Look-ups that fail while a stack of ${depth} layers is replaced, ${workers} readers`,
    ['way', 'switches', 'operations', 'failures', 'failures a switch', 'failed opens a switch'],
    rows,
  );
}

function row(how: string, switches: number, { operations, failures, failed }: SwarmCounts): string[] {
  const opens = Object.entries(failed).filter(([kind]) => kind.startsWith('open '));
  const failedOpens = opens.reduce((sum, [, count]) => sum + count, 0);
  const each = (count: number) => (count === 0 ? '0' : (count / switches).toFixed(1));
  return [
    how,
    ...[switches, operations, failures].map(n => n.toLocaleString('en')),
    each(failures),
    each(failedOpens),
  ];
}
