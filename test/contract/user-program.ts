import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { openNanolin } from '../../src/index.ts';
import { read, writeFiles } from './world.ts';

/** A morning of an ordinary user: import, switch, run, swap, write, roll back. Prints what was seen, step by step. */
const home = process.env.HOME ?? '';
const target = join(home, 'stack');
const command = [
  process.execPath,
  '--import',
  'tsx',
  fileURLToPath(new URL('../cli/plain-program.ts', import.meta.url)),
];
const seen: Record<string, unknown> = {};
const said = () => spawnSync(join(target, 'bin/hello'), { encoding: 'utf8' }).stdout?.trim() ?? null;

mkdirSync(target);
const profiles = join(home, '.config/nanolin/profiles');
const profile = (name: string, ...lines: readonly string[]) =>
  writeFiles(profiles, {
    [`${name}.rcp`]: `${[`PROFILE ${name}`, `TARGETS ${target} from=/`, ...lines].join('\n')}\n`,
  });
profile('mine', 'ENABLES one');
profile('writable', 'ENABLES one', 'WRITING persist');

const nanolin = await openNanolin({ program: command, restart: false });
for (const [name, format] of [
  ['one', 'erofs'],
  ['two', 'squashfs'],
] as const) {
  const tree = join(home, `tree-${name}`);
  writeFiles(tree, { 'bin/hello': `#!/bin/sh\necho ${name}\n`, [`share/${name}`]: name });
  chmodSync(join(tree, 'bin/hello'), 0o755);
  await nanolin.layer.import(tree, { name, version: '1', format });
}

const first = await nanolin.profile.switch('mine');
seen.switched = { said: said(), names: readdirSync(target), ways: first.ways.attach, leftOut: first.leftOut };
seen.backend = (await nanolin.status()).backend;
const second = await nanolin.swap('one', 'two');
seen.swapped = { said: said(), gap: second.gap, leftOut: second.leftOut };
const back = await nanolin.rollback();
seen.back = { said: said(), leftOut: back.leftOut };
await nanolin.profile.switch('writable');
writeFileSync(join(target, 'share/new'), 'mine');
writeFileSync(join(target, 'share/one'), 'changed');
seen.wrote = [read(join(target, 'share/new')), read(join(target, 'share/one'))];
await nanolin.rollback();
seen.unwritten = [read(join(target, 'share/new')), read(join(target, 'share/one'))];
await nanolin.profile.switch('writable');
seen.kept = [read(join(target, 'share/new')), read(join(target, 'share/one'))];
await nanolin.rollback(0);
seen.bare = readdirSync(target);
await nanolin.close();
console.log(JSON.stringify(seen));
process.exit(0);
