import { converse } from '../gap/conversation.ts';
import { program } from '../programs/build.ts';
import { extendedSystem, refresh, type Timing, timed } from './extensions.ts';
import { benchScene, extensionTrees, importTrees, nanolinProgram } from './stage.ts';
import { median, milliseconds, printTable, ratio } from './table.ts';

const depths = [2, 8, 32];
const rounds = 11;

/** (b) `nanolin enable X` and `disable X` as whole processes against `systemd-sysext refresh` on the same layers as raw images. */
export async function run(scratch: string): Promise<void> {
  await using scene = await benchScene(scratch);
  const nanolin = await scene.open();
  const trees = extensionTrees(scratch, Math.max(...depths));
  await importTrees(nanolin, trees);
  await using clock = converse<Timing>([program('timed')]);
  const command = (verb: string, layer: string) => [
    process.execPath,
    nanolinProgram,
    '--root',
    scene.root,
    '--no-daemon',
    verb,
    layer,
  ];

  const rows: string[][] = [];
  for (const depth of depths) {
    const names = trees.slice(0, depth).map(({ name }) => name);
    const top = names.pop() ?? '';
    scene.profile(`p${depth}`, names, { from: '/usr' });
    await nanolin.profile.switch(`p${depth}`);
    await using extended = await extendedSystem(scratch, `raw-${depth}`, trees.slice(0, depth));

    const times = {
      bare: [] as number[],
      enable: [] as number[],
      disable: [] as number[],
      refresh: [] as number[],
    };
    for (let round = 0; round < rounds; round++) {
      times.enable.push(await timed(clock, command('enable', top)));
      times.refresh.push(await timed(extended, refresh));
      times.disable.push(await timed(clock, command('disable', top)));
      times.bare.push(await timed(clock, [process.execPath, '-e', '0']));
    }
    rows.push([
      String(depth),
      ...[times.bare, times.enable, times.disable, times.refresh].map(each => milliseconds(median(each))),
      ratio(median(times.enable), median(times.refresh)),
    ]);
    await timed(extended, ['systemd-sysext', 'unmerge']);
  }
  printTable(
    'One command as a whole process, no daemon (medians)',
    ['images', 'node -e 0', 'nanolin enable', 'nanolin disable', 'systemd-sysext refresh', 'enable/refresh'],
    rows,
  );
}
