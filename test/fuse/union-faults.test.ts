// limit: 300s
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';
import { faulty } from './faulty.ts';
import {
  contract,
  errno,
  idle,
  makeUnion,
  mounted,
  names,
  noUnion,
  over,
  python,
  servers,
  text,
  tree,
} from './union.ts';

const test = suite('union: layers that fail, and servers that are killed');
const it = needs(test, noUnion);

const big = 'x'.repeat(1_000_000);
contract(
  test,
  '23 30 a lower that cannot be read is EIO, in a read, a listing and a copy-up, and leaves nothing behind',
  [{ broken: big, good: 'good', 'broken-d/x': '' }],
  async union => {
    await union.unmount();
    await using low = await faulty(union.lowers[0] ?? '', `${union.scratch}/faulty`);
    await union.mount(over([low.path], union.scratch));
    const [first, then, listing] = python<[string, string, string]>(
      union,
      `
f = os.open('broken', os.O_RDONLY)
result([os.pread(f, 4096, 0).decode(), code(lambda: os.pread(f, 4096, 500000)), code(lambda: os.listdir('broken-d'))])`,
    );
    assert.equal([first, then, listing], [big.slice(0, 4096), 'EIO', 'EIO']);
    const before = tree(union.upper);
    for (const change of [
      () => chmodSync(union.at('broken'), 0o600),
      () => writeFileSync(union.at('broken'), '+', { flag: 'a' }),
      () => renameSync(union.at('broken'), union.at('moved')),
    ])
      assert.is(errno(change), 'EIO');
    assert.equal([tree(union.upper), names(`${union.work}/work`)], [before, []]);
    writeFileSync(union.at('good'), '+', { flag: 'a' });
    assert.equal([text(union.at('good')), text(union.at('moved'))], ['good+', 'ENOENT']);
    assert.is(statSync(union.at('broken')).size, big.length);
    await union.unmount();
  },
);

contract(
  test,
  '23 an upper without space for one more name changes nothing, and goes on when there is some',
  [{ f: 'f', 'd/g': 'g', 'e/h': 'h' }],
  async union => {
    await union.unmount();
    using small = mounted(union, 'small', '-t', 'tmpfs', '-o', 'size=1M,nr_inodes=24', 'small');
    await union.mount(over(union.lowers, small.path));
    const filler = `${small.path}/filler`;
    mkdirSync(filler);
    const fill = () => {
      for (let at = 0; errno(() => writeFileSync(`${filler}/${at}`, '')) !== 'ENOSPC'; at++);
    };
    fill();
    const before = tree(union.merged);
    const refused = python<string[]>(
      union,
      `
result([code(call) for call in (lambda: os.unlink('f'), lambda: os.rename('f', 'moved'), lambda: os.chmod('d/g', 0o600), lambda: os.mkdir('new'),
  lambda: os.open('d/n', os.O_CREAT, 0o600), lambda: os.symlink('x', 'e/l'), lambda: os.link('f', 'l'), lambda: os.open('e/h', os.O_WRONLY | os.O_TRUNC))])`,
    );
    assert.equal(
      refused,
      refused.map(() => 'ENOSPC'),
    );
    assert.equal([tree(union.merged), names(`${small.path}/work/work`)], [before, []]);
    execFileSync('rm', ['-r', filler]);
    renameSync(union.at('d/g'), union.at('moved'));
    assert.equal([text(union.at('moved')), text(union.at('d/g'))], ['g', 'ENOENT']);
    await union.unmount();
  },
);

contract(
  test,
  '23 a write that fills the upper is ENOSPC after what fitted, and no other file suffers',
  [{ f: 'f'.repeat(10_000), g: 'g' }],
  async union => {
    await union.unmount();
    using small = mounted(union, 'small', '-t', 'tmpfs', '-o', 'size=1M', 'small');
    await union.mount(over(union.lowers, small.path));
    const [refused, size, same] = python<[string, number, boolean]>(
      union,
      `
f = os.open('f', os.O_RDWR | os.O_APPEND)
def fill():
  while True: os.write(f, b'y' * 50000)
refused = code(fill)
size = os.fstat(f).st_size
result([refused, size, os.pread(f, 2000000, 0) == b'f' * 10000 + b'y' * (size - 10000)])`,
    );
    assert.equal([refused, size > 800_000, same], ['ENOSPC', true, true]);
    assert.is(
      errno(() => chmodSync(union.at('g'), 0o600)),
      'ENOSPC',
    );
    execFileSync('truncate', ['-s', '0', union.at('f')]);
    writeFileSync(union.at('g'), 'room');
    assert.equal([text(union.at('g')), text(union.at('f'))], ['room', '']);
    await union.unmount();
  },
);

contract(test, '58 what the disk below the upper refuses is told to who syncs', [{ f: 'f' }], async union => {
  await union.unmount();
  // The image has holes where the tmpfs has no room: the upper's file system finds that out when it writes.
  using small = mounted(union, 'small', '-t', 'tmpfs', '-o', 'size=6M', 'small');
  const image = `${small.path}/image`;
  execFileSync('truncate', ['-s', '64M', image]);
  execFileSync('mkfs.ext4', ['-q', '-O', '^has_journal', '-E', 'lazy_itable_init=1,nodiscard', image]);
  using disk = mounted(union, 'disk', '-o', 'loop', image);
  await union.mount(over(union.lowers, disk.path));
  const said = python<string>(
    union,
    `
f = os.open('f', os.O_RDWR)
os.write(f, b'z' * (16 << 20))
result(code(lambda: os.fsync(f)))`,
  );
  assert.is(said, 'ENOSPC');
  await union.unmount();
});

it('75 what was synced is there after the server was killed at work, and nothing half-made', async () => {
  const lower = Object.fromEntries(
    Array.from({ length: 400 }, (_, at) => [`low/${at}`, String(at).repeat(5000)]),
  );
  await using union = await makeUnion('fuse', [lower]);
  const acknowledged = `${union.scratch}/acknowledged`;
  for (let round = 0; round < 3; round++) {
    const worker = spawn('python3', ['-c', writer, union.merged, acknowledged, String(round)], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    for (let seen = 0; seen < 40; ) seen += String((await once(worker.stdout, 'data'))[0]).length;
    for (const pid of servers(union.scratch)) process.kill(pid, 'SIGKILL');
    // Whoever waits for an answer gets ENOTCONN.
    await once(worker, 'exit');
    assert.is(text(union.at('low/0')), 'ENOTCONN');
    execFileSync('umount', ['--lazy', union.merged]);
    await idle(union.scratch);
    await union.mount();
    assert.equal(names(`${union.work}/work`), []);
    for (const line of readFileSync(acknowledged, 'utf8').trim().split('\n')) {
      const [name = '', content = ''] = line.split(' ');
      assert.is(text(union.at(name)), content, `${name} in round ${round}`);
    }
    for (const name of names(union.at('low'))) {
      const [whole, content] = [lower[`low/${name}`] ?? '', text(union.at(`low/${name}`))];
      assert.ok(content === whole || content === `${whole}+`, `low/${name} is a part of itself`);
    }
  }
  assert.ok(existsSync(union.at('low/0')));
});

/** Says a letter for each file that is synced in the union, and whose name and content are synced outside of it. */
const writer = `
import os, sys
os.chdir(sys.argv[1])
log = open(sys.argv[2], 'a')
for at in range(400):
  low = os.open('low/%d' % at, os.O_WRONLY | os.O_APPEND); os.write(low, b'+') if at % 2 == int(sys.argv[3]) % 2 and at >= 380 else 0
  name, content = 'n%s-%d' % (sys.argv[3], at), str(at) * 50
  f = os.open('temporary', os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
  os.write(f, content.encode()); os.rename('temporary', name); os.fsync(f); os.close(f); os.close(low)
  d = os.open('.', os.O_RDONLY); os.fsync(d); os.close(d)
  log.write('%s %s\\n' % (name, content)); log.flush(); os.fsync(log.fileno())
  os.write(1, b'.')
`;

test.run();
