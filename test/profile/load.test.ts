import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/error/index.ts';
import { createProfile } from '../../src/profile/create.ts';
import { listProfiles } from '../../src/profile/list.ts';
import { loadProfile } from '../../src/profile/load.ts';
import { resolveProfile } from '../../src/profile/resolve.ts';
import type { Context } from '../../src/state/context.ts';
import { pathsBelow } from '../../src/state/paths.ts';

const test = suite('profiles of a directory');
let scratch = '';
let ctx: Context;

test.before.each(() => {
  scratch = mkdtempSync(join(tmpdir(), 'nanolin-profiles-'));
  ctx = {
    paths: pathsBelow(scratch),
    log: { debug() {}, info() {}, warn() {} },
    now: () => new Date(0),
    signal: new AbortController().signal,
    progress() {},
    forced: new Set(),
    at() {},
  };
  mkdirSync(ctx.paths.profiles, { recursive: true });
});
test.after.each(() => rmSync(scratch, { recursive: true, force: true }));

const write = (file: string, text: string) => writeFileSync(join(ctx.paths.profiles, file), text);
const refused = async (action: Promise<unknown>): Promise<NanolinError> => {
  const thrown = await action.then(
    () => assert.unreachable('was not refused'),
    error => error,
  );
  assert.instance(thrown, NanolinError, String(thrown?.stack));
  return thrown as NanolinError;
};

test('a profile comes with what it imports', async () => {
  write('web.rcp', 'PROFILE web\nIMPORTS base\nENABLES nginx\n');
  write('base.rcp', 'PROFILE base\nIMPORTS nothere\nTARGETS /usr\n');
  const { recipes } = await loadProfile(ctx, 'web');
  assert.equal([...recipes.keys()], ['web', 'base', 'nothere']);
  assert.instance(recipes.get('nothere'), NanolinError);
  const { problems } = resolveProfile('web', recipes, [], () => false);
  assert.match(problems[0]?.message ?? '', /^no profile is called nothere .*imported by web -> base/);
});

test('profiles that import each other are read once', async () => {
  write('a.rcp', 'PROFILE a\nIMPORTS b\n');
  write('b.rcp', 'PROFILE b\nIMPORTS a\n');
  assert.is((await loadProfile(ctx, 'a')).recipes.size, 2);
});

test('a name that is not there, and one that is near', async () => {
  write('web.rcp', 'PROFILE web\n');
  const error = await refused(loadProfile(ctx, 'wep'));
  assert.equal([error.code, error.exit, error.hint], ['profile-missing', 4, 'did you mean web?']);
  rmSync(ctx.paths.profiles, { recursive: true });
  assert.match((await refused(loadProfile(ctx, 'web'))).hint ?? '', /profile new web/);
});

test('a name is no path', async () => {
  for (const name of ['../web', '/etc/passwd', '', '-rf', 'a b', 'x'.repeat(10_000), 'Web'])
    assert.is((await refused(loadProfile(ctx, name))).code, 'profile-missing');
});

test('the header must say the name of the file', async () => {
  write('web.rcp', 'PROFILE wep\nTARGETS /usr\n');
  const error = await refused(loadProfile(ctx, 'web'));
  assert.is(error.code, 'recipe-invalid');
  assert.match(error.message, /the header says PROFILE wep, the file is called web.rcp$/);
});

test('what is no plain file is not read', async () => {
  write('real.txt', 'PROFILE link\n');
  symlinkSync('real.txt', join(ctx.paths.profiles, 'link.rcp'));
  mkdirSync(join(ctx.paths.profiles, 'folder.rcp'));
  execFileSync('mkfifo', [join(ctx.paths.profiles, 'fifo.rcp')]);
  write('huge.rcp', 'PROFILE huge\n');
  truncateSync(join(ctx.paths.profiles, 'huge.rcp'), 8 * 1024 ** 4);
  const messages: [string, RegExp][] = [
    ['link', /is a symbolic link$/],
    ['folder', /is not a regular file$/],
    ['fifo', /is not a regular file$/],
    ['huge', /is 8796093022208 bytes, a profile has at most 1048576$/],
  ];
  for (const [name, message] of messages) {
    const error = await refused(loadProfile(ctx, name));
    assert.is(error.code, 'recipe-invalid');
    assert.match(error.message, message);
  }
});

test('an unknown keyword is a doubt, not an error', async () => {
  write('web.rcp', 'PROFILE web\nTARGETS /usr\nENABELS nginx\n');
  const { doubts } = await loadProfile(ctx, 'web');
  assert.is(doubts.length, 1);
  assert.match(doubts[0]?.message ?? '', /web.rcp:3:1: ENABELS/);
  assert.is(doubts[0]?.fatal, false);
});

test('a broken profile does not hide the others', async () => {
  write('a.rcp', 'PROFILE a\nCOMMENT the first\n');
  write('b.rcp', 'nonsense\n');
  write('c.rcp', 'PROFILE c\n');
  write('README', 'no profile');
  write('.hidden.rcp', 'no profile');
  symlinkSync('nowhere', join(ctx.paths.profiles, 'd.rcp'));
  const listed = await listProfiles(ctx, 'c');
  assert.equal(
    listed.map(({ name, comment, active, error }) => [name, comment, active, error === null]),
    [
      ['a', 'the first', false, true],
      ['b', '', false, false],
      ['c', '', true, true],
      ['d', '', false, false],
    ],
  );
});

test('a directory that is not there has no profiles', async () => {
  rmSync(ctx.paths.profiles, { recursive: true });
  assert.equal(await listProfiles(ctx, null), []);
});

test('a new profile can be read as it is, says what it was told, and is never overwritten', async () => {
  const file = await createProfile(ctx, 'mine', {
    targets: ['/opt'],
    enables: ['a', 'b>=1'],
    imports: ['base'],
  });
  const { recipes, doubts } = await loadProfile(ctx, 'mine');
  const recipe = recipes.get('mine');
  assert.ok(recipe && !(recipe instanceof NanolinError));
  assert.equal(doubts, []);
  assert.equal(
    [
      recipe.imports,
      recipe.targets.map(({ path }) => path),
      recipe.enables.map(({ text }) => text),
      recipe.writing,
    ],
    [['base'], ['/opt'], ['a', 'b>=1'], null],
  );
  const before = readFileSync(file, 'utf8');
  const error = await refused(createProfile(ctx, 'mine'));
  assert.equal([error.code, error.exit], ['refused', 3]);
  assert.is(readFileSync(file, 'utf8'), before);
  assert.equal(readdirSync(ctx.paths.profiles), ['mine.rcp']);
});

test('the skeleton alone has a target and nothing else', async () => {
  await createProfile(ctx, 'empty');
  const resolved = resolveProfile('empty', (await loadProfile(ctx, 'empty')).recipes, [], () => false);
  assert.equal(
    [resolved.targets.map(({ path }) => path), resolved.layers, resolved.problems],
    [['/usr'], [], []],
  );
});

test('a new profile that no recipe can hold is not written', async () => {
  assert.is((await refused(createProfile(ctx, '../x'))).code, 'usage');
  assert.is((await refused(createProfile(ctx, 'x', { enables: ['-rf'] }))).code, 'usage');
  assert.is((await refused(createProfile(ctx, 'x', { targets: ['usr'] }))).code, 'recipe-invalid');
  assert.is((await refused(createProfile(ctx, 'x', { targets: ['/usr\nWRITING persist'] }))).code, 'usage');
  assert.equal(readdirSync(ctx.paths.profiles), []);
});

test.run();
