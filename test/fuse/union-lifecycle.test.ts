// limit: 300s
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';
import {
  contract,
  errno,
  idle,
  isMounted,
  makeUnion,
  names,
  noUnion,
  python,
  run,
  servers,
  text,
  tree,
} from './union.ts';

const test = suite('union: lifecycle');
const it = needs(test, noUnion);

const ended = async (pid: number) => {
  for (let tries = 0; existsSync(`/proc/${pid}`); tries++) {
    assert.ok(tries < 100, 'the server does not end');
    await sleep(50);
  }
};

it('74 the command returns when the union is usable; umount is refused while files are open, and ends the server', async () => {
  await using union = await makeUnion('fuse', [{ f: 'text' }]);
  const [pid = 0] = servers(union.scratch);
  const fd = openSync(union.at('f'), 'r');
  assert.throws(() => execFileSync('umount', [union.merged], { stdio: 'pipe' }), /busy/);
  closeSync(fd);
  execFileSync('umount', [union.merged]);
  await ended(pid);
});

it('74 the lowers’ mounts can be unmounted at once', async () => {
  await using union = await makeUnion('fuse', [{ f: '' }]);
  await union.unmount();
  const place = `${union.scratch}/tmpfs`;
  mkdirSync(place);
  execFileSync('mount', ['-t', 'tmpfs', 'tmp', place]);
  await union.mount(`lowerdir=${place}`);
  await union.unmount();
  execFileSync('umount', [place]);
});

it('75 a killed server is ENOTCONN, and the next mount has what was synced', async () => {
  await using union = await makeUnion('fuse', [{ f: 'text', g: '' }]);
  python(
    union,
    `f = os.open('n', os.O_CREAT | os.O_WRONLY); os.write(f, b'synced'); os.fsync(f); os.unlink('g'); result(0)`,
  );
  const [pid = 0] = servers(union.scratch);
  process.kill(pid, 'SIGKILL');
  await ended(pid);
  assert.is(text(union.at('f')), 'ENOTCONN');
  execFileSync('umount', ['--lazy', union.merged]);
  await union.mount();
  assert.equal([names(union.merged), text(union.at('n'))], [['f', 'n'], 'synced']);
});

it('75 SIGTERM unmounts; who has a file open keeps it to the end', async () => {
  await using union = await makeUnion('fuse', [{ f: 'text' }]);
  const [pid = 0] = servers(union.scratch);
  const fd = openSync(union.at('f'), 'r');
  process.kill(pid, 'SIGTERM');
  for (let tries = 0; isMounted(union.merged) && tries < 100; tries++) await sleep(20);
  assert.not(isMounted(union.merged));
  const buffer = Buffer.alloc(4);
  assert.is(readSync(fd, buffer), 4);
  assert.is(buffer.toString(), 'text');
  closeSync(fd);
  await ended(pid);
});

it('75 another mount on the same place is left alone', async () => {
  await using union = await makeUnion('fuse', [{ f: 'text' }]);
  const [pid = 0] = servers(union.scratch);
  execFileSync('mount', ['-t', 'tmpfs', 'theirs', union.merged]);
  process.kill(pid, 'SIGTERM');
  await sleep(300);
  assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), / tmpfs theirs /);
  execFileSync('umount', [union.merged]);
  assert.is(text(union.at('f')), 'text');
});

it('76 source and type tell what it is; a read-only remount is taken', async () => {
  await using union = await makeUnion('fuse', [{ f: '' }]);
  assert.match(readFileSync('/proc/self/mountinfo', 'utf8'), / fuse\.nanolin nanolin rw,/);
  execFileSync('mount', ['-i', '-o', 'remount,ro', union.merged]);
  assert.is(
    errno(() => writeFileSync(union.at('n'), '')),
    'EROFS',
  );
  execFileSync('mount', ['-i', '-o', 'remount,rw', union.merged]);
  writeFileSync(union.at('n'), '');
});

it('the kernel’s backend and auto give the same view, with words that say why', async () => {
  await using union = await makeUnion('fuse', [{ f: 'top' }, { g: 'below' }]);
  await union.unmount();
  const options = `lowerdir=${union.lowers.join(':')},upperdir=${union.upper},workdir=${union.work}`;
  for (const backend of ['kernel', 'auto']) {
    const {
      backend: taken,
      pid,
      why,
    } = JSON.parse(run('--backend', backend, '-o', options, union.merged, '--json'));
    assert.equal([taken, pid, typeof why], ['kernel', null, 'string']);
    assert.equal(names(union.merged), ['f', 'g']);
    execFileSync('umount', [union.merged]);
  }
});

it('what is missing or wrong is said, and nothing is mounted', async () => {
  await using union = await makeUnion('fuse', [{ f: '' }]);
  await union.unmount();
  const low = union.lowers[0];
  for (const [options, said] of [
    [`lowerdir=${union.scratch}/none`, /^4: nanolin: the layer .*none cannot be opened/],
    [`lowerdir=${low}/f`, /^1: nanolin: the layer .* is no directory/],
    [`upperdir=${union.upper},workdir=${union.work}`, /^2: .*lowerdir names no directory/],
    [`lowerdir=${low},upperdir=${union.upper}`, /^2: .*go together/],
    [`lowerdir=${low},colour=red`, /^2: .*colour=red is not known/],
    [`lowerdir=${low},upperdir=${union.upper},workdir=${union.upper}/w`, /^4: /],
  ] as const)
    assert.match(run('--backend', 'fuse', '-o', options, union.merged), said);
  assert.not(isMounted(union.merged));
  await idle(union.scratch);
});

contract(
  test,
  '77 the upper becomes the top lower, nine times',
  [{ keep: 'keep', gone: 'gone', 'd/x': '0' }],
  async union => {
    const lowers = [...union.lowers];
    let upper = union.upper;
    for (let round = 1; round <= 9; round++) {
      writeFileSync(union.at(`f${round}`), String(round));
      writeFileSync(union.at('d/x'), String(round));
      symlinkSync(`f${round}`, union.at(`l${round}`));
      if (round > 1) renameSync(union.at(`f${round - 1}`), union.at(`moved${round - 1}`));
      if (round === 2) unlinkSync(union.at('gone'));
      if (round === 4) {
        rmSync(union.at('d'), { recursive: true });
        mkdirSync(union.at('d'));
      }
      await union.unmount();
      lowers.unshift(upper);
      upper = `${union.scratch}/upper${round}`;
      const work = `${union.scratch}/work${round}`;
      for (const path of [upper, work]) mkdirSync(path);
      await union.mount(`lowerdir=${lowers.join(':')},upperdir=${upper},workdir=${work}`);
    }
    assert.equal(
      names(union.merged),
      [
        'd',
        'keep',
        'f9',
        ...[1, 2, 3, 4, 5, 6, 7, 8].map(at => `moved${at}`),
        ...[1, 2, 3, 4, 5, 6, 7, 8, 9].map(at => `l${at}`),
      ].sort(),
    );
    assert.equal(
      [text(union.at('d/x')), text(union.at('moved3')), text(union.at('keep'))],
      ['9', '3', 'keep'],
    );
  },
);

/** Renames, links, directories, modes and copies from four processes, each in names of its own and over the lower files of all. */
const swarm = `
import random
def work(who):
  rand = random.Random(who)
  for at in range(250):
    name, other = 'w%d-%d' % (who, rand.randrange(20)), 'w%d-%d' % (who, rand.randrange(20))
    low = 'low/%d' % (who * 50 + rand.randrange(50))
    for call in (lambda: open(name, 'a').write('x'), lambda: os.rename(name, other), lambda: os.link(name, other), lambda: os.unlink(name),
                 lambda: os.mkdir('d' + name), lambda: os.rmdir('d' + other), lambda: os.chmod(low, rand.randrange(512) | 0o600), lambda: open(low, 'a').write('+'),
                 lambda: os.rename(low, low + 'r'), lambda: os.setxattr(low, 'user.k', b'v')):
      if rand.random() < .4: code(call)
pids = []
for who in range(4):
  pid = os.fork()
  if pid == 0:
    try: work(who)
    finally: os._exit(0)
  pids.append(pid)
result([os.waitpid(pid, 0)[1] for pid in pids])`;

const numbered = Object.fromEntries(Array.from({ length: 200 }, (_, at) => [`low/${at}`, String(at)]));
contract(
  test,
  '78 four processes at once end as on a plain directory, and leave nothing in work',
  [numbered],
  async union => {
    const plain = `${union.scratch}/plain`;
    execFileSync('cp', ['-a', union.lowers[0] ?? '', plain]);
    assert.equal(python(union, swarm), [0, 0, 0, 0]);
    python({ merged: plain }, swarm);
    const look = (path: string) =>
      tree(path).map(line =>
        line
          .split(' ')
          .filter((_, at) => at !== 5)
          .join(' '),
      );
    assert.equal(look(union.merged), look(plain));
    assert.equal(names(`${union.work}/work`), []);
    await union.remount();
    assert.equal(look(union.merged), look(plain));
  },
  'fuse',
);

contract(
  test,
  '79 a union is a lower of another, whose marks mean nothing to the first',
  [{ 'd/x': 'x', 'd/y': 'y' }],
  async union => {
    const [lower2, merged2] = ['lower2', 'merged2'].map(name => `${union.scratch}/${name}`) as [
      string,
      string,
    ];
    mkdirSync(`${lower2}/d`, { recursive: true });
    mkdirSync(merged2);
    writeFileSync(`${lower2}/d/z`, 'z');
    execFileSync('setfattr', ['-n', 'trusted.overlay.opaque', '-v', 'y', union.at('d')]);
    await union.remount();
    assert.equal(names(union.at('d')), ['x', 'y']);
    try {
      assert.match(run('--backend', 'fuse', '-o', `lowerdir=${union.merged}:${lower2}`, merged2), /^mounted/);
      assert.equal([names(`${merged2}/d`), text(`${merged2}/d/x`)], [['x', 'y'], 'x']);
    } finally {
      execFileSync('umount', [merged2]);
    }
    await sleep(100);
  },
);

it('a reader at work while the union goes away ends, and so does the server', async () => {
  await using union = await makeUnion('fuse', [{ f: 'x'.repeat(1_000_000) }]);
  const [pid = 0] = servers(union.scratch);
  const reader = spawn('sh', ['-c', `while cat ${union.at('f')} > /dev/null; do :; done`], {
    stdio: 'ignore',
  });
  await sleep(300);
  execFileSync('umount', ['--lazy', union.merged]);
  await once(reader, 'exit');
  await ended(pid);
});

test.run();
