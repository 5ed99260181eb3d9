import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/error/index.ts';
import { formatRecipe, packageFrom, parseRecipe, printRecipe } from '../../src/formats/index.ts';

const read = (...lines: string[]) => packageFrom(parseRecipe(`${lines.join('\n')}\n`, { file: 'x.rcp' }));
const minimal = ['PACKAGE x', 'VERSION 1'];

function refused(...lines: string[]): string {
  try {
    read(...lines);
  } catch (error) {
    if (error instanceof NanolinError) return error.message;
    throw error;
  }
  throw new Error('it was not refused');
}

test('a recipe as values', () => {
  const recipe = read(
    ...['PACKAGE greet', 'VERSION 1.0~rc1', 'REVISED 3', 'COMMENT says hello', '\tat length', 'LICENSE MIT'],
    ...[
      'PROVIDE hello=1',
      'REPLACE hello* old-greet',
      'REQUIRE musl>=1.2 zlib',
      'REQUIRE x<2',
      'TOOLING cc',
      'PERMITS setuid',
    ],
    ...[
      `GETFILE https://example.org/greet-1.tar.gz sha256=${'a'.repeat(64)} as=g.tgz`,
      'PUTFILE src/greet.c mode=0755',
      '\tint',
      'PATCHES src fix.patch',
    ],
    ...[
      'BUILDER greet',
      '\tmake',
      'TESTING',
      '\tmake check',
      'INSTALL /usr/bin/greet',
      '\tmake install',
      'REMOVED x',
      '\trm x',
      'SCRIPTS enable',
      '\ttrue',
    ],
  );
  assert.equal(
    recipe.requires.map(({ name, op, version }) => [name, op, version]),
    [
      ['musl', '>=', '1.2'],
      ['zlib', null, null],
      ['x', '<', '2'],
    ],
  );
  assert.equal(recipe.replaces, ['hello*', 'old-greet']);
  assert.equal(recipe.permits, ['setuid']);
  assert.equal(
    recipe.folder.map(item => item.do),
    ['get', 'put', 'patch'],
  );
  const [get, put, patch] = recipe.folder;
  assert.ok(get?.do === 'get' && get.as === 'g.tgz' && get.source.scheme === 'https');
  assert.ok(put?.do === 'put' && put.mode === 0o755 && put.body === 'int\n');
  assert.ok(patch?.do === 'patch' && patch.directory === 'src' && patch.files[0] === 'fix.patch');
  assert.equal(
    [recipe.compile, recipe.inspect, recipe.install, recipe.expunge].map(stages => stages[0]?.body),
    ['make\n', 'make check\n', 'make install\n', 'rm x\n'],
  );
  assert.is(recipe.stamp, null);
});

test('HOSTILE 31: a name is a name', () => {
  for (const name of ['../x', '-rf', 'a;b', 'A', '.x', 'a/b', 'x'.repeat(10_240)])
    assert.match(refused(`PACKAGE ${name}`, 'VERSION 1'), /^x\.rcp:1:9: PACKAGE: .* is not a name/);
  assert.match(refused('PACKAGE', 'VERSION 1'), 'is not a name');
  assert.match(refused('PACKAGE x'), 'has no VERSION');
  assert.match(refused('PACKAGE x', 'VERSION 1-2'), 'is not a version');
});

test('HOSTILE 34: sources, files and patches stay where they belong', () => {
  for (const path of ['../../root/x', '/root/x', 'a/../../x', 'a/..', '..', 'a//b', './../x']) {
    assert.match(refused(...minimal, `PUTFILE ${path}`, '\tx'), 'leads out of the build folder');
    assert.match(refused(...minimal, `PATCHES ${path} x.patch`), 'leads out of the build folder');
    assert.match(refused(...minimal, `PATCHES src ${path}`), 'leads out of the build folder');
  }
  for (const name of ['../x', 'a/b', '-rf', '.x', ''])
    assert.match(refused(...minimal, `GETFILE https://a/b as=${name}`), 'expected the name of a file');
  for (const [url, why] of [
    ['ftp://a/b', 'expected https:'],
    ['javascript:x', 'expected https:'],
    ['https://user:secret@a/b', 'a password'],
    ['https://', 'a host'],
    ['file:', 'file:PATH'],
    ['deb:-o', 'deb:NAME'],
    ['deb:a=$(x)', 'deb:NAME'],
    ['debsrc:hello', 'debsrc:NAME=VERSION'],
    ['debsrc:../x=1', 'debsrc:NAME=VERSION'],
    ['npm:left-pad', 'npm:NAME@VERSION'],
    ['npm:x@latest', 'npm:NAME@VERSION'],
    ['npm:../x@1.0.0', 'npm:NAME@VERSION'],
    ['npm:git+https://a/b@1', 'npm:NAME@VERSION'],
  ] as const)
    assert.match(refused(...minimal, `GETFILE ${url}`), why, url);
  for (const hash of ['', ' ', 'A'.repeat(64), 'a'.repeat(63), 'sha1'])
    assert.match(refused(...minimal, `GETFILE https://a/b sha256=${hash}`), '64 lower-case hex digits');
  assert.match(
    refused(...minimal, 'GETFILE https://a/x', 'GETFILE https://b/x'),
    'stands a second time (line 3)',
  );
});

test('the stamp is what the recipe says: DISTREL and DISTGEN, PKGDATE, a REVISED that is a date', () => {
  assert.is(
    read(...minimal, 'DISTREL r26.11', 'DISTGEN G22095100', 'PKGDATE 2020-01-01').stamp,
    'r26.11-G22095100',
  );
  assert.is(read(...minimal, 'PKGDATE 2026-11-22T09:51:00Z').stamp, 'r26.11-G22095100');
  assert.is(read(...minimal, 'REVISED 2026-11-22').stamp, 'r26.11-G22000000');
  assert.is(read(...minimal, 'REVISED 3').stamp, null);
  for (const date of ['2026-02-30', '2026-13-01', 'today', '1970-01-01', '2026-11-22T25:00:00Z'])
    assert.match(refused(...minimal, `PKGDATE ${date}`), 'expected 2026-11-22');
  assert.match(refused(...minimal, 'DISTREL r26.13', 'DISTGEN G32000000'), 'is no stamp');
});

test('recipes of the older style, a thousand lines of a .config and patches with tabs in them, come back byte for byte', () => {
  const config = Array.from({ length: 1200 }, (_, i) =>
    i % 7 === 0 ? '\t' : i % 50 === 0 ? '' : `\tCONFIG_OPTION_${i}=y`,
  );
  const text = [
    ...[
      '# busybox, as it was',
      'PACKAGE\tbusybox',
      'VERSION  1.36.1',
      'REVISED 2',
      'COMMENT many tools in one  ',
      'BUGTALK https://bugs.example.org',
      '',
    ],
    ...[
      'GETFILE https://example.org/busybox-1.36.1.tar.bz2',
      '',
      'PUTFILE busybox-1.36.1/.config',
      '\t# first',
      ...config,
      '\t# last',
    ],
    ...[
      'PUTFILE tabs.patch',
      '\t--- a/Makefile',
      '\t+++ b/Makefile',
      '\t@@ -1 +1 @@',
      '\t-\told',
      '\t+\tnew',
      '',
      '\t end',
      '',
    ],
    ...[
      'BUILDER busybox',
      '\tmake',
      'TESTING busybox',
      '\tmake check',
      'REMOVES docs',
      '\trm -r docs',
      '# the end',
      '',
    ],
  ].join('\n');
  const recipe = parseRecipe(text, { file: 'busybox.rcp', strict: true });
  assert.is(printRecipe(recipe), text);
  const view = packageFrom(recipe);
  const [, config2, patch] = view.folder;
  assert.ok(config2?.do === 'put' && config2.body.split('\n').length === 1203);
  assert.ok(patch?.do === 'put' && patch.body.includes('\n-\told\n+\tnew\n\n end\n'));
  const tidy = formatRecipe(recipe);
  assert.equal(packageFrom(parseRecipe(tidy, { file: 'busybox.rcp' })).compile[0]?.body, 'make\n');
  assert.is(formatRecipe(parseRecipe(tidy, { file: 'busybox.rcp' })), tidy);
});

test.run();
