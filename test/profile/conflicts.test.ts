import { chmodSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ConflictReport } from '../../src/index.ts';
import { makeWorld, type World } from '../contract/world.ts';
import { needs } from '../needs.ts';

const inStacks = needs(test, process.getuid?.() === 0 ? null : 'root, to mount');

/** `high` and `low` differ in every way that two layers can; `far` shares nothing with them. */
async function layers(world: World): Promise<string> {
  const usr = world.directory('usr', { same: 'base', base: 'base' });
  const [high, low] = ['high', 'low'].map(name =>
    world.directory(name, {
      same: 'same',
      content: name,
      mode: 'same',
      'dir/shared': 'same',
      [`dir/${name}`]: '',
    }),
  ) as [string, string];
  chmodSync(join(high, 'mode'), 0o755);
  chmodSync(join(high, 'dir'), 0o700);
  symlinkSync('content', join(high, 'type'));
  world.directory('low/type', { 'deep/file': '' });
  const nanolin = await world.open();
  for (const [name, tree] of Object.entries({ high, low }))
    await nanolin.layer.import(tree, { name, version: '1' });
  await world.layer('far', { far: 'far' });
  return usr;
}

const brief = ({ conflicts }: ConflictReport) =>
  conflicts.map(
    ({ path, kind, above, under, severity }) =>
      `${severity} ${kind} ${path.split('/').at(-1)} ${above.layer}/${under.layer}`,
  );
const all = (severity: string, pair: string) => ({
  errors: [`${severity} content content ${pair}`, `${severity} type type ${pair}`],
  notes: [`note attributes dir ${pair}`, `note attributes mode ${pair}`],
});

inStacks('one list of ENABLES is an order; layers that meet by import or edit have none', async () => {
  await using world = await makeWorld();
  const usr = await layers(world);
  const nanolin = await world.open();
  world.profile('listed', `TARGETS ${usr} from=/`, 'ENABLES low far', 'ENABLES high');
  world.profile('ground', `TARGETS ${usr} from=/`, 'ENABLES low far');
  world.profile('imported', 'IMPORTS ground', 'ENABLES high');

  const listed = await nanolin.conflicts('listed');
  const chosen = all('note', 'high/low');
  assert.equal(brief(listed).sort(), [...chosen.errors, ...chosen.notes].sort());
  assert.equal([listed.identical, listed.conflicts.every(({ ordered }) => ordered)], [2, true]);
  const sound = await nanolin.profile.check('listed');
  assert.equal([sound.problems, sound.conflicts], [[], listed]);

  const { errors, notes } = all('error', 'high/low');
  assert.equal(brief(await nanolin.conflicts('imported')), [...errors, ...notes]);
  const doubtful = await nanolin.profile.check('imported');
  assert.equal(
    doubtful.problems.map(({ code, message }) => [code, message]),
    [['conflict', `high 1 and low 1 differ in ${usr}/content and 1 more: that of high would show`]],
  );

  // Doubtful, and yet it can be switched to: the stack is well defined.
  assert.equal((await nanolin.profile.switch('imported')).leftOut, []);
  assert.equal(brief(await nanolin.conflicts()), [...errors, ...notes]);
  await nanolin.profile.switch('ground');
  assert.equal(await nanolin.conflicts(), { profile: 'ground', identical: 0, conflicts: [] });
  await nanolin.enable(['high'], { below: 'low' });
  assert.equal(brief(await nanolin.conflicts()), [
    ...all('error', 'low/high').errors,
    ...all('', 'low/high').notes,
  ]);
});

inStacks('a layer whose recipe REPLACEs the other was meant to lie above it', async () => {
  await using world = await makeWorld();
  const usr = await layers(world);
  const nanolin = await world.open();
  world.profile('ground', `TARGETS ${usr} from=/`, 'ENABLES low');
  await nanolin.profile.switch('ground');
  await nanolin.enable(['high']);
  const { image } = await nanolin.layer.show('high');
  const recipe = join(world.root, 'var/lib/nanolin/layers', image.replace('.img', '.rcp'));
  const severities = async () =>
    new Set((await nanolin.conflicts()).conflicts.map(({ severity }) => severity));
  writeFileSync(recipe, 'PACKAGE high\nVERSION 1\nREPLACE other*\n');
  assert.ok((await severities()).has('error'));
  writeFileSync(recipe, 'PACKAGE high\nVERSION 1\nREPLACE l?w\n');
  assert.equal(await severities(), new Set(['note']));
  await nanolin.disable(['high']);
  await nanolin.enable(['high'], { below: 'low' });
  assert.ok((await severities()).has('error'), 'it does not work from below');
});

inStacks('without a stack there are none, and an unknown profile is said', async () => {
  await using world = await makeWorld();
  const nanolin = await world.open();
  assert.equal(await nanolin.conflicts(), { profile: null, identical: 0, conflicts: [] });
  const error = await nanolin.conflicts('nothing').catch(thrown => thrown);
  assert.is(error.code, 'profile-missing');
});

test.run();
