import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { imageStem, isPackageName, isSha256, isVersion, parseImageName } from '../../src/formats/index.ts';

const name = fc.stringMatching(/^[a-z0-9][a-z0-9+._-]{0,30}$/);
const version = fc.stringMatching(/^[0-9][A-Za-z0-9.+~]{0,20}$/);
const stamp = fc.constantFrom('r26.11-G22095100', 'r00.02-G29000000', 'r99.12-G31235959');

test('names that could be an option, a path or a command are no names', () => {
  for (const good of ['jq', 'libstdc++6', '0ad', 'a.b_c-d', 'a'.repeat(100)])
    assert.ok(isPackageName(good), good);
  for (const bad of ['../x', '-rf', 'a;b', '', 'a'.repeat(10_000), '.a', 'A', 'a/b', 'a\n', 'é', 'a b', '+a'])
    assert.not.ok(isPackageName(bad), bad);
  for (const bad of ['', 'a1', '1-2', '1/2', '1\n', '1:2', '.1', '1'.repeat(101)])
    assert.not.ok(isVersion(bad), bad);
});

test('an image name is read from the right', () => {
  assert.equal(parseImageName('foo-v2-v1.0-r26.11-G22095100.img'), {
    name: 'foo-v2',
    version: '1.0',
    stamp: 'r26.11-G22095100',
  });
  assert.equal(
    parseImageName('a-v1-r26.11-G22095100-v2-r26.11-G22095101.sig')?.name,
    undefined,
    'G is no capital of a name',
  );
});

test('what imageStem makes, parseImageName reads back, with and without suffix', () => {
  fc.assert(
    fc.property(
      name,
      version,
      stamp,
      fc.constantFrom('', '.img', '.lst', '.sig'),
      (name, version, stamp, suffix) => {
        const image = { name, version, stamp };
        assert.equal(parseImageName(imageStem(image) + suffix), image);
        assert.ok(imageStem(image).length + 4 <= 255);
      },
    ),
  );
});

test('a name that is not one of ours is null', () => {
  for (const bad of [
    'jq.img',
    'jq-v1.6-r26.13-G22095100.img',
    'jq-v1.6-r26.11-G32095100.img',
    'jq-v1.6-r26.11-G22095100.img.img',
    'jq-v1.6-r26.11-G22095100.txt',
    '../jq-v1.6-r26.11-G22095100.img',
    'jq-v1.6-r26.11-G22095100.img\n',
    '-vjq-v1-r26.11-G22095100',
    `${'-v'.repeat(100_000)}-r26.11-G22095100`,
  ])
    assert.is(parseImageName(bad), null, bad.slice(0, 60));
});

test('a digest has 64 lower-case hex digits and nothing else', () => {
  const digest = 'ab'.repeat(32);
  assert.ok(isSha256(digest));
  for (const bad of [
    ` ${digest}`,
    digest.toUpperCase(),
    digest.slice(1),
    '',
    `sha256:${digest}`,
    `${digest}\n`,
    `${digest}0`,
  ])
    assert.not.ok(isSha256(bad), bad);
});

test.run();
