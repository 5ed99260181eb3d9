import { readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { AT_FDCWD, MNT_DETACH, MS_SHARED, native, O_DIRECTORY, O_PATH } from '../../src/kernel/index.ts';
import { Place, thrownBy } from './place.ts';

const test = suite('a scratch namespace');
const mountinfo = () => readFileSync('/proc/self/mountinfo', 'utf8');

test('what is mounted in it is seen by nobody else', () => {
  using place = new Place();
  const before = mountinfo();
  const scratch = native.scratchOpen();
  native.mount('hidden', place.top, 'tmpfs', 0, null, scratch);
  assert.is(mountinfo(), before);
  assert.is.not(
    native.statxMount(AT_FDCWD, place.top, 0, scratch).unique,
    native.statxMount(AT_FDCWD, place.top, 0).unique,
  );
  native.scratchClose(scratch);
});

test('what is unmounted in it stays for everybody else, also under a shared parent', () => {
  using place = new Place();
  native.mount(null, place.top, null, MS_SHARED, null);
  writeFileSync(place.path('f'), 'here');
  const scratch = native.scratchOpen();
  native.umount2(place.top, MNT_DETACH, scratch);
  assert.is(thrownBy(() => native.statxMount(AT_FDCWD, place.path('f'), 0, scratch)).code, 'ENOENT');
  assert.is(readFileSync(place.path('f'), 'utf8'), 'here');
  native.scratchClose(scratch);
  assert.is(readFileSync(place.path('f'), 'utf8'), 'here');
});

test('its working directory is not that of the process', () => {
  using place = new Place();
  const before = process.cwd();
  const scratch = native.scratchOpen();
  const top = native.openat2(AT_FDCWD, place.top, O_PATH | O_DIRECTORY, 0, 0);
  native.fchdir(top, scratch);
  native.mkdirat(AT_FDCWD, 'made', 0o755, scratch);
  native.close(top);
  native.scratchClose(scratch);
  assert.equal(readdirSync(place.top), ['made']);
  assert.is(process.cwd(), before);
});

test('an error on its thread is that of the call', () => {
  const scratch = native.scratchOpen();
  const error = thrownBy(() => native.umount2('/nowhere', 0, scratch));
  native.scratchClose(scratch);
  assert.equal([error.call, error.code, error.path], ['umount2', 'ENOENT', '/nowhere']);
});

test('closed twice is closed, used afterwards is a TypeError', () => {
  const scratch = native.scratchOpen();
  native.scratchClose(scratch);
  native.scratchClose(scratch);
  assert.instance(
    thrownBy(() => native.umount2('/nowhere', 0, scratch)),
    TypeError,
  );
});

test('one that is forgotten ends with its object', async () => {
  const before = scratchThreads();
  for (let i = 0; i < 50; i++) native.scratchOpen();
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc');
  for (let i = 0; i < 100 && scratchThreads() > before; i++) {
    collect();
    await sleep(10);
  }
  assert.is(scratchThreads(), before);
});

/** Threads in a mount namespace of their own: node starts and ends others as it likes. */
function scratchThreads(): number {
  const namespaces = readdirSync('/proc/self/task').map(thread => {
    try {
      return readlinkSync(`/proc/self/task/${thread}/ns/mnt`);
    } catch {
      return null; // it ended since
    }
  });
  return namespaces.filter(name => name !== null && name !== readlinkSync('/proc/self/ns/mnt')).length;
}

test.run();
