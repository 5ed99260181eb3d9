import { type ChildProcess, spawn } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AT_EMPTY_PATH, AT_FDCWD, holdersOf, MNT_DETACH, native } from '../../src/kernel/index.ts';
import { detached, moveOnto, Place } from './place.ts';

const test = suite('who holds a mount');
const python = `import mmap, os, sys
files = [open('f'), open('g', 'a'), open('g', 'r+b')]
mapped = mmap.mmap(files[2].fileno(), 0)
files.pop().close()
open('/proc/self/comm', 'w').write('a\\x1b]b')
print('ready', flush=True)
sys.stdin.read()`;

async function started(command: string, args: string[], cwd: string): Promise<ChildProcess> {
  const child = spawn(command, args, { cwd, stdio: ['pipe', 'pipe', 'inherit'] });
  await new Promise((ready, fail) => {
    child.stdout?.once('data', ready);
    child.once('exit', fail);
  });
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise(done => child.once('exit', done));
  child.stdin?.end();
  await exit;
}

for (const namespace of ['the same', 'another'])
  test(`a process in ${namespace} namespace is found by descriptor, mapping and working directory, also after the detach`, async () => {
    using place = new Place();
    const target = place.directory('t');
    const mount = detached('f', 'f');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(`/proc/self/fd/${mount}/g`, 'gg');
    moveOnto(mount, target);
    const { id, unique } = native.statxMount(mount, '', AT_EMPTY_PATH);
    native.close(mount);
    const child = await started('python3', ['-c', python], target);
    if (namespace === 'another') native.umount2(target, MNT_DETACH);
    const found = holdersOf([id, 999999]).filter(({ pid }) => pid === child.pid);
    await ended(child);
    assert.is(found.length, 1);
    assert.is(found[0]?.command, 'a?]b');
    const held = found[0]?.held ?? [];
    assert.ok(held.every(one => one.mount === id && one.unique === unique));
    const what = held
      .map(one => `${one.what} ${one.writing ? 'writing' : 'reading'} ${one.path.split('/').at(-1)}`)
      .sort();
    const name =
      namespace === 'another'
        ? held
            .find(one => one.what === 'cwd')
            ?.path.split('/')
            .at(-1)
        : 't';
    // python keeps a duplicate of the descriptor for its mapping.
    assert.equal(what, [
      `cwd reading ${name}`,
      'fd reading f',
      'fd writing g',
      'fd writing g',
      'map writing g',
    ]);
    if (namespace === 'another') assert.equal(holdersOf([id]), []);
  });

test('a mount that nobody holds has no holders', () => {
  using place = new Place();
  assert.equal(holdersOf([native.statxMount(AT_FDCWD, place.top, 0).id]), []);
  assert.equal(holdersOf([]), []);
});

test.run();
