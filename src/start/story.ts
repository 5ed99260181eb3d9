import { debianVersion } from '../formats/index.ts';
import type { Nanolin } from '../index.ts';
import type { SwitchResult } from '../stack/index.ts';
import type { Gathered } from './layers.ts';
import { aside, chapter, count, expect, ms, number } from './page.ts';
import { Programs } from './programs.ts';
import { Server } from './server.ts';

/** The main job: each step is one command of an admin, then every program is run and compared. */
export async function story(nanolin: Nanolin, { profiles, pair }: Gathered): Promise<void> {
  const programs = new Programs();
  const step = async (command: string, change: () => Promise<SwitchResult>): Promise<SwitchResult> => {
    const note = /^profile switch (\S+)$/.exec(command)?.[1];
    chapter(`nanolin ${command}`, note && (await nanolin.profile.show(note)).comment);
    const result = await change();
    await programs.look(await nanolin.status());
    expectWhole(result);
    aside(await summary(nanolin, result));
    return result;
  };
  const to = (name: string) =>
    step(`profile switch ${name}`, () => nanolin.profile.switch(name, { strict: true }));

  await to('web');
  const tools = await to('tools');
  if (pair) {
    if (pair.name !== 'rsync') await to(await profileWith(nanolin, profiles, pair.name));
    const older = `${pair.name}=${debianVersion(pair.older)}`;
    await step(`swap ${pair.name} ${older}`, () => nanolin.swap(pair.name, older));
    await step('rollback', () => nanolin.rollback());
  } else aside('apt knows no package here in two versions, there is nothing to swap');

  await to('data');
  await using server = await Server.begin();
  expect(
    (await server.ask()) === '+PONG',
    `a redis server runs from the stack (pid ${server.pid}) and answers`,
  );

  await step('enable nano', () => nanolin.enable(['nano']));
  await step('disable tree', () => nanolin.disable(['tree']));
  const edit = await to('edit');
  expect((await server.ask()) === '+PONG', 'the redis server, whose files are gone from /usr, still answers');
  const holder = edit.holders.find(({ pid }) => pid === server.pid);
  expect(
    holder !== undefined,
    `and is named as holder of ${holder ? `generation ${holder.generation}` : 'its generation'}`,
  );

  await step(`rollback ${tools.generation}`, () => nanolin.rollback(tools.generation));
  await step('rollback 0', () => nanolin.rollback(0));
}

function expectWhole({ leftOut, rolledBack, gap, changed }: SwitchResult): void {
  if (rolledBack) expect(false, `it was taken back: ${rolledBack.message}`);
  for (const { message } of leftOut) expect(false, `left out: ${message}`);
  if (gap) expect(false, 'there was a gap');
  if (!changed) expect(false, 'nothing changed');
}

async function summary(
  nanolin: Nanolin,
  { generation, ms: took, paths, gap }: SwitchResult,
): Promise<string> {
  const [target] = (await nanolin.status()).targets;
  const stack = target?.layers.length ? count(target.layers.length, 'layer') : 'the bare base';
  const changes = `${number(paths.added)} paths appear, ${number(paths.removed)} vanish, ${number(paths.changed)} change`;
  const times = `plan ${ms(took.plan)}, prepare ${ms(took.prepare)}, swap ${ms(took.swap)}${gap ? '' : ', no gap'}`;
  return `generation ${generation}: ${stack}; ${changes}; ${times}`;
}

async function profileWith(nanolin: Nanolin, profiles: readonly string[], layer: string): Promise<string> {
  for (const name of profiles)
    if ((await nanolin.profile.show(name)).layers.some(each => each.name === layer)) return name;
  throw new Error(`no shipped profile names ${layer}`);
}
