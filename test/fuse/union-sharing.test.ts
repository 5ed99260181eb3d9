// limit: 300s
/** The crowd of 78 works for 4 seconds on each mount, and for a minute with NANOLIN_LONG=1. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { nameLayers, nameScript } from './name-operations.ts';
import { long, playAlong } from './script.ts';
import { contract, names, python, tree } from './union.ts';

const test = suite('union: several processes, and what they share');

contract(
  test,
  '60 locks of one process and another conflict over a copy-up: flock, POSIX and of open files',
  [{ flock: 'f', posix: 'p', open: 'o', whole: 'w' }],
  union => {
    assert.equal(
      python(
        union,
        `
def lock(kind, f, how, start=0, length=0):
  if kind == 'flock': return fcntl.flock(f, how | fcntl.LOCK_NB)
  command = fcntl.F_OFD_SETLK if kind == 'open' else fcntl.F_SETLK
  which = {fcntl.LOCK_EX: fcntl.F_WRLCK, fcntl.LOCK_SH: fcntl.F_RDLCK, fcntl.LOCK_UN: fcntl.F_UNLCK}[how]
  fcntl.fcntl(f, command, struct.pack('hhxxxxqqixxxx', which, 0, start, length, 0))
# The other process copies the file up, and asks; a byte on the pipe each time that it is to go on.
def other(kind, name, asks, says):
  f = os.open(name, os.O_RDWR); os.pwrite(f, b'x', 0)
  for how, start, length in ((fcntl.LOCK_EX, 0, 0), (fcntl.LOCK_SH, 0, 0), (fcntl.LOCK_EX, 100, 10), (fcntl.LOCK_EX, 0, 0)):
    os.read(asks, 1)
    said = code(lambda: lock(kind, f, how, start, length))
    if said is None: lock(kind, f, fcntl.LOCK_UN, start, length)
    os.write(says, b'%-8s' % str(said).encode())
  os._exit(0)
out = {}
for kind in ('flock', 'posix', 'open'):
  mine = os.open(kind, os.O_RDONLY)
  lock(kind, mine, fcntl.LOCK_SH, 0, 0 if kind == 'flock' else 50)
  asks, says = os.pipe(), os.pipe()
  pid = os.fork()
  if pid == 0: other(kind, kind, asks[0], says[1])
  def ask():
    os.write(asks[1], b'.')
    return os.read(says[0], 8).decode().strip()
  out[kind] = [ask(), ask(), ask()]
  lock(kind, mine, fcntl.LOCK_UN)
  out[kind].append(ask())
  os.waitpid(pid, 0)
result(out)`,
      ),
      {
        flock: ['EAGAIN', 'None', 'EAGAIN', 'None'],
        posix: ['EAGAIN', 'None', 'None', 'None'],
        open: ['EAGAIN', 'None', 'None', 'None'],
      },
    );
  },
);

contract(test, '60 who waits for a lock gets it when the other one ends', [{ f: 'f' }], union => {
  assert.equal(
    python(
      union,
      `
out = []
for kind in ('flock', 'posix'):
  take = lambda f: fcntl.flock(f, fcntl.LOCK_EX) if kind == 'flock' else fcntl.lockf(f, fcntl.LOCK_EX)
  ready = os.pipe()
  holder = os.fork()
  if holder == 0:
    f = os.open('f', os.O_RDWR); take(f); os.write(ready[1], b'.')
    import time; time.sleep(30)
  os.read(ready[0], 1)
  waiter = os.fork()
  if waiter == 0:
    f = os.open('f', os.O_RDWR); os.write(ready[1], b'.'); take(f)
    os._exit(7)
  os.read(ready[0], 1)
  os.kill(holder, 9); os.waitpid(holder, 0)
  out.append(os.waitstatus_to_exitcode(os.waitpid(waiter, 0)[1]))
result(out)`,
    ),
    [7, 7],
  );
});

contract(
  test,
  '55 58 what is written is what another process reads at once',
  [{ f: 'old', g: 'g' }],
  union => {
    assert.equal(
      python(
        union,
        `
asks, says = os.pipe(), os.pipe()
if os.fork() == 0:
  os.close(asks[1])
  f = os.open('f', os.O_RDONLY)
  while os.read(asks[0], 1):
    st = os.fstat(f)
    os.write(says[1], b'%-40s' % (b'%d %s %s' % (st.st_size, os.pread(f, 8, st.st_size - 8), open('f', 'rb').read()[-8:])))
  os._exit(0)
wrong = 0
f = os.open('f', os.O_RDWR)
for at in range(200):
  data = b'%08d' % at
  if at % 3 == 0: os.pwrite(f, data, os.fstat(f).st_size)
  elif at % 3 == 1: os.ftruncate(f, 4096 + at); os.pwrite(f, data, 4096 + at - 8)
  else:
    with mmap.mmap(f, 0) as m: m[-8:] = data
  os.write(asks[1], b'.')
  wrong += os.read(says[0], 40).strip() != b'%d %s %s' % (os.fstat(f).st_size, data, data)
result(wrong)`,
      ),
      0,
    );
  },
);

/** What no race may show: these say that the union is broken, or has lost what it held. */
const broken =
  /^(EIO|ESTALE|EBADFD|ENOTCONN|ECONNABORTED|EUCLEAN|EFAULT|EBADE|ENOMEM|EMFILE|ENFILE|ETIMEDOUT)$/;
const SECONDS = long ? 60 : 4;

contract(
  test,
  '78 a crowd over the same names ends with one tree in every view, and leaves nothing in work',
  nameLayers,
  async union => {
    const players = Array.from({ length: 6 }, async (_, who) => {
      const answers = new Map<string, number>();
      const end = performance.now() + SECONDS * 1000;
      for (let seed = who; performance.now() < end; seed += 6) {
        const script = nameScript(seed, 1000, union.backend === 'fuse');
        for (const line of await playAlong({ path: union.merged }, script))
          answers.set(line, (answers.get(line) ?? 0) + 1);
      }
      return answers;
    });
    const answers = await Promise.all(players);
    const seen = new Set(answers.flatMap(each => [...each.keys()]));
    assert.equal(
      [...seen].filter(answer => broken.test(answer)),
      [],
    );
    assert.ok(answers.reduce((sum, each) => sum + (each.get('0') ?? 0), 0) > 500, 'next to nothing was done');
    // Linux's own (6.18) leaves a file there when two meet.
    if (union.backend === 'fuse') assert.equal(names(`${union.work}/work`), []);
    const before = tree(union.merged);
    await union.remount();
    assert.equal(tree(union.merged), before);
  },
);

test.run();
