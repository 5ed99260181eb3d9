// limit: 300s
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';
import { type Faulty, faulty } from './faulty.ts';
import { type Files, idle, makeUnion, names, noUnion, over, text, type Union } from './union.ts';

const test = suite('union: a layer that stands still');
const it = needs(test, noUnion);

const quick: Files = { 'quick/a': 'a', 'quick/b': 'b', 'both/quick': 'q', 'quick/big': 'x'.repeat(300_000) };
const slow: Files = {
  'slow/a': 'slow a',
  'slow/b': 'slow b',
  'slow/deep/c': 'slow c',
  'slow/big': 's'.repeat(500_000),
  'both/slow': 's',
};

/** The union of one layer that works and, below it, one that can be stopped; `body` runs while it stands still. */
async function standing(body: (union: Union, layer: Faulty) => Promise<void>): Promise<void> {
  await using union = await makeUnion('fuse', [quick, slow], null);
  await using layer = await faulty(union.lowers[1] ?? '', `${union.scratch}/slow-layer`);
  await union.mount(over([union.lowers[0] ?? '', layer.path], union.scratch));
  // Which names both layers have is known from here on.
  names(union.merged);
  try {
    await body(union, layer);
  } finally {
    layer.continue();
    execFileSync('umount', ['--lazy', union.merged]);
    await idle(union.scratch);
  }
}

/** What a command says within a second, or `late`: whoever waits for a stopped layer cannot even be killed. */
const withinASecond = (...command: readonly [string, ...string[]]): string => {
  const [program, ...args] = command;
  const { stdout, status, signal } = spawnSync('timeout', ['--signal=KILL', '1', program, ...args], {
    encoding: 'utf8',
    timeout: 10_000,
    killSignal: 'SIGKILL',
  });
  return status === 137 || signal ? 'late' : stdout.trim();
};

/** A child that waits for the stopped layer, and what it says in the end. */
function waiting(...command: readonly [string, ...string[]]): { child: ChildProcess; said: Promise<string> } {
  const [program, ...args] = command;
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (part: string) => {
      output += part;
    });
  return { child, said: once(child, 'close').then(() => output) };
}

it('a look, a read and a change elsewhere go on, and what waited is answered when the layer is', async () => {
  await standing(async (union, layer) => {
    layer.stop();
    const waits = [
      waiting('cat', union.at('slow/a')),
      waiting('ls', union.at('slow/deep')),
      waiting('sh', '-c', `echo more >> ${union.at('slow/b')} && cat ${union.at('slow/b')}`),
    ];
    assert.is(withinASecond('cat', union.at('quick/a')), 'a');
    assert.is(withinASecond('stat', '-c', '%s', union.at('quick/big')), '300000');
    assert.is(withinASecond('ls', union.at('quick')), 'a\nb\nbig');
    const change = `cd ${union.merged}/quick && echo n > new && chmod 600 b && mv a c && mkdir d && rm b && ls`;
    assert.is(withinASecond('sh', '-c', change), 'big\nc\nd\nnew');
    assert.is(withinASecond('stat', '-f', '-c', '%T', union.at('quick')), 'fuseblk');
    // A turn of the loop, in which the end of one would be seen.
    await sleep(10);
    assert.equal(
      waits.map(({ child }) => child.exitCode),
      [null, null, null],
    );
    layer.continue();
    assert.equal(await Promise.all(waits.map(({ said }) => said)), ['slow a', 'c\n', 'slow bmore\n']);
  });
});

it('a copy-up that stands still holds up nobody else, and is whole in the end', async () => {
  await standing(async (union, layer) => {
    // Known and open by now, but for its data.
    assert.is(withinASecond('stat', '-c', '%s', union.at('slow/big')), '500000');
    layer.stop();
    const copies = [1, 2].map(() => waiting('sh', '-c', `chmod 640 ${union.at('slow/big')} && echo done`));
    for (let round = 0; round < 3; round++)
      assert.is(
        withinASecond('sh', '-c', `echo ${round} > ${union.at('quick/n')} && cat ${union.at('quick/n')}`),
        `${round}`,
      );
    layer.continue();
    assert.equal(await Promise.all(copies.map(({ said }) => said)), ['done\n', 'done\n']);
    assert.is(text(union.at('slow/big')), slow['slow/big']);
    assert.is(readFileSync(`${union.upper}/slow/big`, 'utf8'), slow['slow/big']);
  });
});

it('more that wait than there are threads to wait', async () => {
  await standing(async (union, layer) => {
    layer.stop();
    const waits = Array.from({ length: 40 }, (_, at) =>
      waiting('sh', '-c', `cat ${union.at(`slow/${'ab'[at % 2]}`)}; true`),
    );
    for (const name of ['a', 'b']) assert.is(withinASecond('cat', union.at(`quick/${name}`)), name);
    assert.is(
      withinASecond(
        'sh',
        '-c',
        `echo n > ${union.at('quick/new')} && rm ${union.at('quick/a')} && echo done`,
      ),
      'done',
    );
    layer.continue();
    const said = await Promise.all(waits.map(wait => wait.said));
    assert.equal([...new Set(said)].sort(), ['slow a', 'slow b']);
  });
});

it('what is killed while it waits ends, and the union with it when it is told to', async () => {
  await standing(async (union, layer) => {
    layer.stop();
    const { child, said } = waiting('cat', union.at('slow/a'));
    assert.is(withinASecond('cat', union.at('quick/a')), 'a');
    child.kill('SIGKILL');
    await said;
    assert.is(child.signalCode, 'SIGKILL');
    assert.is(withinASecond('cat', union.at('quick/b')), 'b');
  });
});

test.run();
