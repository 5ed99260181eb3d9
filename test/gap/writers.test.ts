// limit: 300s
// NANOLIN_LONG=1 makes as many switches over a union as over the kernel's overlay.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { OpenOptions } from '../../src/index.ts';
import { program as served } from '../contract/stack-contract.ts';
import { program } from '../programs/build.ts';
import { converse } from './conversation.ts';
import { setScene } from './scene.ts';
import { writeTree } from './trees.ts';

/** What appender.c counts: `failed` is by `WORKER CALL ERRNO`. */
interface AppenderCounts {
  readonly workers: readonly { readonly way: string; readonly acknowledged: number }[];
  readonly failed: Readonly<Record<string, number>>;
}

const seeds = 3000;
const backends: readonly (readonly [OpenOptions, switches: number, known: RegExp])[] = [
  // A file of a layer is copied up on its first write. Two live overlays over one upper can both be at it, and the one that comes
  // second gives its writer EEXIST: the kernel links its copy to the name (ovl_copy_up_tmpfile), so nothing is overwritten.
  [{ backend: 'kernel' }, 500, /^[37] open EEXIST$/],
  // A union stays one and the same.
  [{ backend: 'fuse', program: served }, process.env.NANOLIN_LONG ? 500 : 150, /^$/],
];

for (const [options, switches, known] of backends)
  test(`every record acknowledged through ${switches} switches of a persist stack is there: ${options.backend}`, async () => {
    await using scene = await setScene('private');
    const nanolin = await scene.open(options);
    const ground = join(scene.directory, 'ground');
    const extra = join(scene.directory, 'extra');
    writeTree(
      ground,
      Object.fromEntries(Array.from({ length: seeds }, (_, n) => [`logs/seed-${n}`, 'seed\n'])),
    );
    writeTree(extra, { 'share/extra': 'extra\n' });
    for (const [name, tree] of Object.entries({ ground, extra }))
      await nanolin.layer.import(tree, { name, version: '1' });
    scene.profile('work', ['ground'], { writing: 'persist' });
    await nanolin.profile.switch('work');

    const logs = join(scene.target, 'logs');
    await using appender = converse<AppenderCounts>([program('appender'), logs, '8', String(seeds)]);
    for (let n = 0; n < switches; n++)
      assert.is((await nanolin[n % 2 === 0 ? 'enable' : 'disable'](['extra'])).changed, true);
    const counts = await appender.end();

    assert.ok(counts);
    const failed = Object.entries(counts.failed).filter(([what]) => !known.test(what));
    assert.equal(failed, []);
    const records = readRecords(logs);
    for (const [worker, { way, acknowledged }] of counts.workers.entries()) {
      const found = (records.get(worker) ?? []).sort((a, b) => a - b);
      assert.ok(
        acknowledged >= switches / 10,
        `worker ${worker} (${way}) wrote ${acknowledged} records alone`,
      );
      assert.equal(missing(found, acknowledged), [], `worker ${worker} (${way}) lost records`);
      assert.is(found.length, acknowledged, `worker ${worker} (${way}) has records twice`);
    }
  });

/** Sequence numbers by worker. A seed must still begin with what its layer put there. */
function readRecords(logs: string): Map<number, number[]> {
  const records = new Map<number, number[]>();
  for (const name of readdirSync(logs)) {
    const lines = readFileSync(join(logs, name), 'utf8').split('\n').slice(0, -1);
    if (name.startsWith('seed-')) assert.is(lines.shift(), 'seed', `${name} lost what its layer brought`);
    for (const line of lines) {
      const [worker, sequence] = line.split(' ');
      assert.match(line, /^\d+ \d+$/, `${name} holds a torn record`);
      const found = records.get(Number(worker)) ?? [];
      found.push(Number(sequence));
      records.set(Number(worker), found);
    }
  }
  return records;
}

function missing(found: readonly number[], acknowledged: number): number[] {
  const there = new Set(found);
  return Array.from({ length: acknowledged }, (_, n) => n)
    .filter(n => !there.has(n))
    .slice(0, 20);
}

test.run();
