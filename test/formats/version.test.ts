import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compareVersions, debianVersion, isVersion } from '../../src/formats/index.ts';
import { refuses } from './throws.ts';

type Pair = readonly [string, string];

/** dpkg's own word on every pair, in one shell: two processes a pair at most. */
function dpkgOrders(pairs: readonly Pair[]): number[] {
  const script = `while read -r a b; do
    if dpkg --compare-versions "$a" lt "$b"; then echo -1
    elif dpkg --compare-versions "$a" eq "$b"; then echo 0
    else echo 1; fi; done`;
  const input = pairs.map(([a, b]) => `${a} ${b}\n`).join('');
  return execFileSync('sh', ['-c', script], { input, encoding: 'utf8' }).trim().split('\n').map(Number);
}

function agreesWithDpkg(pairs: readonly Pair[]): void {
  const expected = dpkgOrders(pairs);
  assert.is(expected.length, pairs.length);
  pairs.forEach(([a, b], i) => {
    assert.is(compareVersions(a, b), expected[i], `${a} against ${b}`);
    assert.is(compareVersions(b, a), 0 - (expected[i] as number), `${b} against ${a}`);
  });
}

/** Versions without epoch of the packages on this machine. */
function installed(): string[] {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own format
  const text = execFileSync('dpkg-query', ['-W', '-f', '${Version}\n'], { encoding: 'utf8' });
  return [...new Set(text.trim().split('\n'))].map(version => version.replace(/^\d+:/, ''));
}

test('versions of ours are ordered as dpkg orders them', () => {
  // Few characters, so that two versions share a beginning and the interesting ones meet.
  const version = fc.stringMatching(/^[0-9][0-9a.+~Z]{0,6}$/);
  agreesWithDpkg(fc.sample(fc.tuple(version, version), 400));
});

test('edges: zeros, long numbers, tildes, ends, letters before the rest', () => {
  const long = '9'.repeat(60);
  agreesWithDpkg([
    ['1.0', '1.00'],
    ['1', '1.0'],
    ['1.0~rc1', '1.0'],
    ['1.0~~', '1.0~'],
    ['1.0a', '1.0+'],
    ['1.0a', '1.0'],
    ['1.0.', '1.0'],
    [`1.${long}`, `1.${long}1`],
    [`1.0${long}`, `1.${long}`],
    ['1.0-1', '1.0'],
    ['1.0-0', '1.0'],
    ['1.0-1-2', '1.0-1-10'],
    ['2Z', '2a'],
  ]);
});

test('versions of the packages on this machine are ordered as dpkg orders them', () => {
  const versions = installed();
  const pairs = fc.sample(fc.tuple(fc.constantFrom(...versions), fc.constantFrom(...versions)), 300);
  agreesWithDpkg(pairs);
});

test('a debian version of this machine becomes a version of ours', () => {
  for (const version of installed()) assert.ok(isVersion(debianVersion(version)), version);
  assert.is(debianVersion('2:1.6-2.1+deb12u1'), '1.6+2.1+deb12u1');
  assert.is(debianVersion('1:1.0:2-rc1-3'), '1.0+2+rc1+3');
  for (const bad of ['', 'a1-1', '1.0_1', '1.0-1\n', '../1', `1${'0'.repeat(200)}`])
    refuses('source-unreadable', 'cannot be', () => debianVersion(bad));
});

test('debianVersion keeps the order where it says so', () => {
  const revision = fc.stringMatching(/^[1-9][0-9a+~.]{0,4}$/);
  const tail = fc.stringMatching(/^(|[~.0-9][0-9a-c.~]{0,4}|\+[a-z][0-9a-c.]{0,3})$/);
  fc.assert(
    fc.property(tail, revision, revision, (tail, one, two) => {
      const [a, b] = [`1.5-${one}`, `1.5${tail}-${two}`];
      assert.is(compareVersions(debianVersion(a), debianVersion(b)), compareVersions(a, b), `${a} ${b}`);
    }),
    { numRuns: 2000 },
  );
});

test('debianVersion loses the order where it says so', () => {
  for (const [a, b] of [
    ['1.0-1', '1.0a-1'],
    ['1.0-5', '1.0+1-1'],
    ['1.0-~x', '1.0'],
  ] as const) {
    assert.is(compareVersions(a, b), -1, a);
    assert.is(compareVersions(debianVersion(a), debianVersion(b)), 1, a);
  }
});

test.run();
