// limit: 120s
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { noSomebody, openSomebody, type Somebody } from '../layer/somebody.ts';
import { needs } from '../needs.ts';

const test = suite('an ordinary user, from import to roll back');
const it = needs(test, noSomebody);

function morning(somebody: Somebody, ...before: readonly string[]) {
  const { status, stdout, stderr } = somebody.as([
    ...before,
    process.execPath,
    '--import',
    'tsx',
    'test/contract/user-program.ts',
  ]);
  assert.is(status, 0, stderr);
  return JSON.parse(stdout);
}

function check(seen: ReturnType<typeof morning>): void {
  assert.equal([seen.switched.said, seen.switched.leftOut], ['one', []]);
  assert.equal(seen.switched.names.sort(), ['bin', 'share']);
  assert.equal([seen.swapped.said, seen.swapped.leftOut], ['two', []]);
  assert.equal([seen.back.said, seen.back.leftOut], ['one', []]);
  assert.equal(seen.wrote, ['mine', 'changed']);
  assert.equal(seen.unwritten, ['ENOENT', 'one']);
  assert.equal(seen.kept, ['mine', 'changed']);
  assert.equal(seen.bare, []);
}

it('by FUSE, without any privilege', async () => {
  await using somebody = openSomebody();
  const seen = morning(somebody);
  check(seen);
  assert.is(seen.backend, 'fuse');
});

it('by the kernel, in a user namespace of his own', async () => {
  await using somebody = openSomebody();
  const seen = morning(somebody, 'unshare', '--user', '--map-root-user', '--mount');
  check(seen);
  assert.is(seen.backend, 'kernel');
  assert.is(seen.swapped.gap, false);
});

test.run();
