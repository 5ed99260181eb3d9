import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  maxRecipeBytes,
  maxRecipeLine,
  maxRecipeLines,
  parseRecipe,
  printRecipe,
  type Recipe,
} from '../../src/formats/index.ts';
import { orRefused, refuses } from './throws.ts';

const strict = (text: string | Uint8Array) => parseRecipe(text, { file: 'web.rcp', strict: true });
const lenient = (text: string | Uint8Array) => parseRecipe(text, { file: 'web.rcp' });
const values = (recipe: Recipe) =>
  recipe.directives.map(({ canonical, value, body }) => [canonical, value, body]);

const greet = `PACKAGE greet
VERSION 1.0
COMMENT says hello
LICENSE MIT
REQUIRE musl>=1.2

PUTFILE greet.c
	#include <stdio.h>
	int main(void) { puts("hello"); }

COMPILE greet
	cc -o greet greet.c

INSTALL /usr/bin/greet
	install -D -m 0755 greet "$DESTDIR/usr/bin/greet"
`;

test('a package reads as directives in order, with bodies, lines and columns', () => {
  const recipe = strict(greet);
  assert.is(recipe.kind, 'package');
  assert.equal(values(recipe).slice(4, 7), [
    ['REQUIRE', 'musl>=1.2', null],
    ['PUTFILE', 'greet.c', '#include <stdio.h>\nint main(void) { puts("hello"); }\n'],
    ['COMPILE', 'greet', 'cc -o greet greet.c\n'],
  ]);
  assert.equal([recipe.directives[5]?.line, recipe.directives[5]?.column], [7, 9]);
  assert.is(printRecipe(recipe), greet);
});

test('the first directive says the kind', () => {
  assert.is(strict('PROFILE web\n').kind, 'profile');
  assert.is(strict('# a distro\n\nRELEASE base\n').kind, 'release');
});

test('aliases are resolved and printed as written', () => {
  const text = 'PACKAGE a\nBUGTALK x\nBUILDER\n\ta\nTESTING\n\tb\nREMOVES\n\tc\nREMOVED\n\td\n';
  const recipe = strict(text);
  assert.equal(
    recipe.directives.map(directive => directive.canonical),
    ['PACKAGE', 'SUPPORT', 'COMPILE', 'INSPECT', 'EXPUNGE', 'EXPUNGE'],
  );
  assert.is(printRecipe(recipe), text);
});

test('empty lines belong to a body when another body line follows, and their TABs survive', () => {
  const text = 'PROFILE a\nCOMMENT x\n\n\tone\n\n\t\n\ttwo\n\t\n\n# after\n\nWRITING none\n\n';
  const recipe = strict(text);
  assert.is(recipe.directives[1]?.body, '\none\n\n\ntwo\n\n');
  assert.is(printRecipe(recipe), text);
});

test('odd white space is kept, and is no part of a value', () => {
  const text = 'PROFILE\t \ta  \nCOMMENT  two  words\t\nHEALTHY  \n\tx\n';
  const recipe = strict(text);
  assert.equal(values(recipe), [
    ['PROFILE', 'a', null],
    ['COMMENT', 'two  words', null],
    ['HEALTHY', '', 'x\n'],
  ]);
  assert.is(recipe.directives[0]?.column, 11);
  assert.is(printRecipe(recipe), text);
});

test('a kernel configuration and a patch with TABs and CRs in them survive', () => {
  const config = Array.from({ length: 1000 }, (_, i) => (i % 7 ? `CONFIG_OPTION_${i}=y` : '')).join('\n');
  const patch = '--- a/x\n+++ b/x\n@@ -1,2 +1,2 @@\n \tint a;\r\n-\treturn;\n+\t\treturn 1;\n \n';
  const indent = (text: string) =>
    text
      .split('\n')
      .map(line => `\t${line}`)
      .join('\n');
  const text = `PACKAGE linux\nPUTFILE .config\n${indent(config)}\nPUTFILE x.patch mode=0644\n${indent(patch)}\nVERSION 6.1\n`;
  const recipe = strict(text);
  assert.is(recipe.directives[1]?.body, `${config}\n`);
  assert.is(recipe.directives[2]?.body, `${patch}\n`);
  assert.is(printRecipe(recipe), text);
});

test('a changed value keeps the comments around it', () => {
  const recipe = strict('# top\nPROFILE a\n\n# layers\nENABLES   b\n# end\n');
  const directives = recipe.directives.map(d => (d.canonical === 'ENABLES' ? { ...d, value: 'b c' } : d));
  assert.is(printRecipe({ ...recipe, directives }), '# top\nPROFILE a\n\n# layers\nENABLES   b c\n# end\n');
  const forged = recipe.directives.map(d => ({ ...d, value: 'b\nWRITING persist' }));
  refuses('recipe-syntax', 'cannot be printed', () => printRecipe({ ...recipe, directives: forged }));
});

test('an unknown keyword: an error that suggests one when strict, else a warning', () => {
  const error = refuses(
    'recipe-syntax',
    /^web\.rcp:3:1: WRITNIG: unknown directive, expected one of PROFILE /,
    () => strict('PROFILE a\n\nWRITNIG none\n'),
  );
  assert.is(error.hint, 'did you mean WRITING?');
  const recipe = lenient('PROFILE a\nFUTURES x\n\tbody\n');
  assert.equal(values(recipe)[1], ['FUTURES', 'x', 'body\n']);
  assert.equal(
    recipe.warnings.map(({ line, column }) => [line, column]),
    [[2, 1]],
  );
  assert.match(recipe.warnings[0]?.message ?? '', 'web.rcp:2:1: FUTURES: unknown directive');
});

test('a word that can be no keyword is an error in both ways of reading', () => {
  for (const read of [strict, lenient]) {
    assert.is(
      refuses('recipe-syntax', 'web.rcp:2:1: WRITNG: ', () => read('PROFILE a\nWRITNG none\n')).hint,
      'did you mean WRITING?',
    );
    assert.is(
      refuses('recipe-syntax', 'writing: unknown', () => read('PROFILE a\nwriting none\n')).hint,
      'did you mean WRITING?',
    );
    refuses('recipe-syntax', 'WRITING:none: unknown', () => read('PROFILE a\nWRITING:none\n'));
    refuses('recipe-syntax', `web.rcp:1:1: ${'x'.repeat(40)}...: unknown`, () =>
      read(`${'x'.repeat(9999)}\n`),
    );
  }
});

test('a directive of another kind of recipe is doubtful', () => {
  refuses('recipe-syntax', 'web.rcp:2:1: TARGETS: not for a package', () =>
    strict('PACKAGE a\nTARGETS /usr\n'),
  );
  assert.is(lenient('PACKAGE a\nTARGETS /usr\n').warnings.length, 1);
});

test('a header stands once, and first', () => {
  for (const read of [strict, lenient]) {
    refuses('recipe-syntax', 'web.rcp:2:1: PACKAGE: second header', () => read('PACKAGE a\nPACKAGE b\n'));
    refuses('recipe-syntax', 'web.rcp:2:1: PROFILE: second header', () => read('PACKAGE a\nPROFILE b\n'));
    refuses('recipe-syntax', 'web.rcp:2:1: PACKAGE: header after', () => read('VERSION 1\nPACKAGE b\n'));
  }
  for (const none of ['', '# nothing\n', 'VERSION 1\n']) {
    refuses('recipe-syntax', 'web.rcp:1:1: no header', () => strict(none));
    assert.is(lenient(none).kind, null);
    assert.is(printRecipe(lenient(none)), none);
  }
});

test('what stands once does not stand twice, an alias counted', () => {
  for (const read of [strict, lenient])
    refuses('recipe-syntax', 'web.rcp:3:1: WRITING: stands a second time, expected once (line 2)', () =>
      read('PROFILE a\nWRITING none\nWRITING none\n'),
    );
  assert.is(strict('PROFILE a\nENABLES b\nENABLES c\n').directives.length, 3);
});

test('a body without a directive, after a comment, below a directive that takes none, or after spaces', () => {
  for (const read of [strict, lenient]) {
    refuses('recipe-syntax', 'web.rcp:2:1: a body line belongs to no directive', () =>
      read('# x\n\tbody\nPROFILE a\n'),
    );
    refuses('recipe-syntax', 'web.rcp:5:1: HEALTHY: body line after a comment', () =>
      read('PROFILE a\nHEALTHY\n\ta\n#\tb\n\tc\n'),
    );
    refuses('recipe-syntax', 'web.rcp:2:1: PROFILE: takes no body', () => read('PROFILE a\n\tbody\n'));
    refuses('recipe-syntax', 'web.rcp:3:1: line begins with a space', () =>
      read('PROFILE a\nHEALTHY\n    true\n'),
    );
    refuses('recipe-syntax', 'web.rcp:2:1: line begins with a space', () => read('PROFILE a\n \n'));
  }
  assert.is(
    strict('PROFILE a\nHEALTHY\n\t  \ttrue\n').directives[1]?.body,
    '  \ttrue\n',
    'white space after the TAB is body',
  );
});

test('CRLF is refused outside of bodies, with what to do', () => {
  for (const read of [strict, lenient]) {
    const error = refuses('recipe-syntax', 'web.rcp:1:10: carriage return', () =>
      read('PROFILE a\r\nWRITING none\r\n'),
    );
    assert.match(error.hint ?? '', 'dos2unix');
    refuses('recipe-syntax', 'web.rcp:1:2: carriage return', () => read('#\r\nPROFILE a\n'));
    refuses('recipe-syntax', 'web.rcp:2:1: carriage return', () => read('PROFILE a\n\r\n'));
  }
});

test('NUL, invalid UTF-8, half a surrogate pair, a byte order mark: refused with the place', () => {
  for (const read of [strict, lenient]) {
    refuses('recipe-syntax', 'web.rcp:3:3: NUL', () => read('PROFILE a\nHEALTHY\n\ta\0b\n'));
    refuses('recipe-syntax', 'web.rcp:2:9: invalid UTF-8', () =>
      read(Buffer.from('PROFILE a\nCOMMENT \xe9t\xe9\n', 'latin1')),
    );
    refuses('recipe-syntax', 'web.rcp:2:9: invalid UTF-8', () =>
      read(Buffer.from('PROFILE a\nCOMMENT \xed\xa0\x80', 'latin1')),
    );
    refuses('recipe-syntax', 'web.rcp:2:9: half a surrogate', () => read('PROFILE a\nCOMMENT \ud800\n'));
    refuses('recipe-syntax', 'web.rcp:1:1: byte order mark', () => read('\ufeffPROFILE a\n'));
  }
});

test('characters that hide are refused in a directive and data in a body', () => {
  for (const char of ['\u2028', '\u2029', '\u202e', '\u2066', '\u0085', '\u001b', '\u200b']) {
    refuses('recipe-syntax', /web\.rcp:2:10: COMMENT: character \\u\{[0-9a-f]+\}/, () =>
      lenient(`PROFILE a\nCOMMENT x${char}y\n`),
    );
    assert.is(strict(`PROFILE a\nHEALTHY\n\tx${char}y\n`).directives[1]?.body, `x${char}y\n`);
  }
  assert.is(strict('PROFILE a\nCOMMENT ça, naïve – 日本\n').directives[1]?.value, 'ça, naïve – 日本');
});

test('a missing last newline: an error when strict, else a warning and kept', () => {
  for (const text of [
    'PROFILE a',
    'PROFILE a\nHEALTHY\n\tx',
    'PROFILE a\n# end',
    'PROFILE a\nHEALTHY\n\tx\n\t',
  ]) {
    refuses('recipe-syntax', 'the last line has no newline', () => strict(text));
    const recipe = lenient(text);
    assert.is(recipe.warnings.length, 1);
    assert.is(printRecipe(recipe), text);
  }
  assert.is(lenient('PROFILE a\nHEALTHY\n\tx').directives[1]?.body, 'x\n');
});

test('size, lines and their number are bounded', () => {
  const head = 'PROFILE a\nHEALTHY\n';
  refuses('recipe-syntax', `expected at most ${maxRecipeBytes}`, () =>
    strict(Buffer.alloc(100 * 1024 * 1024, '\tx\n')),
  );
  refuses('recipe-syntax', `expected at most ${maxRecipeBytes}`, () =>
    strict('é'.repeat(maxRecipeBytes / 2 + 1)),
  );
  refuses('recipe-syntax', 'web.rcp:3:', () => strict(`${head}\t${'x'.repeat(maxRecipeLine)}\n`));
  refuses('recipe-syntax', 'more than', () => strict(`${head}${'\n'.repeat(maxRecipeLines)}`));
  const large = `${head}${`\t${'x'.repeat(1000)}\n`.repeat(16_000)}`;
  assert.is(printRecipe(strict(large)), large);
  const wide = `PROFILE a\nCOMMENT x${' '.repeat(maxRecipeLine - 10)}y\n`;
  assert.is(printRecipe(strict(wide)), wide, 'a line of white space takes linear time');
});

test('a recipe of unknown keywords keeps a bounded number of warnings', () => {
  const recipe = lenient(`PROFILE a\n${'UNKNOWN x\n'.repeat(50_000)}`);
  assert.is(recipe.directives.length, 50_001);
  assert.is(recipe.warnings.length, 100);
});

const line = fc.oneof(
  fc.constantFrom(
    'PACKAGE a',
    'PROFILE b',
    'ENABLES  x y ',
    'HEALTHY',
    'COMPILE\t\tz',
    'COMMENT c',
    'UNKNOWN d',
    '# note',
    '',
  ),
  fc.constantFrom('\t', '\tbody', '\t\ttab ', '\t# no comment', ' space', '\r', 'x'),
);
const text = fc
  .tuple(fc.array(line, { maxLength: 12 }), fc.boolean())
  .map(([lines, end]) => lines.join('\n') + (end ? '\n' : ''));

test('any recipe is refused or printed as it was read', () => {
  fc.assert(
    fc.property(text, text => {
      const recipe = orRefused('recipe-syntax', () => lenient(`PROFILE a\n${text}`));
      if (recipe !== null) assert.is(printRecipe(recipe), `PROFILE a\n${text}`);
    }),
    { numRuns: 3000 },
  );
});

test('mutated bytes are refused or printed as they were read', () => {
  const mutation = fc.array(fc.tuple(fc.nat(greet.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(mutation, mutations => {
      const bytes = Buffer.from(greet);
      for (const [at, byte] of mutations) bytes[at] = byte;
      const recipe = orRefused('recipe-syntax', () => lenient(bytes));
      if (recipe !== null) assert.ok(Buffer.from(printRecipe(recipe)).equals(bytes));
    }),
    { numRuns: 3000 },
  );
});

const olderStyle: Readonly<Record<string, readonly string[]>> = {
  'signify.rcp': [
    '# signs and verifies, as on OpenBSD',
    'PACKAGE\tsignify',
    'VERSION 31',
    'REVISED 2',
    'COMMENT cryptographically sign and verify files',
    '\tThe keys are small, and so is the program.',
    '',
    '\tA second paragraph.',
    'LICENSE ISC',
    'WEBSITE  https://example.org/signify',
    'BUGTALK someone@example.org',
    'REQUIRE musl>=1.2',
    'TOOLING gcc make  libbsd',
    'PATCHES signify-31 build.patch paths.patch',
    'BUILDER signify',
    '\tcd signify-31',
    '\tmake \\',
    '\t\tBOUNDS_CHECKING=1',
    'TESTING',
    '\tmake check',
    'INSTALL /usr/bin/signify',
    '\tinstall -D signify "$DESTDIR/usr/bin/signify"',
    'REMOVED',
    '\trm -f /etc/signify/*.tmp',
    '',
  ],
  'linux.rcp': [
    'PACKAGE linux',
    'VERSION 6.1.55',
    'COMMENT the kernel',
    'PUTFILE linux-6.1.55/.config mode=0644',
    ...Array.from({ length: 1500 }, (_, i) =>
      i % 3 === 0 ? `\t# CONFIG_${i} is not set` : `\tCONFIG_${i}=y`,
    ),
    'COMPILE linux',
    '\tmake -C linux-6.1.55',
    '',
  ],
  'distro.rcp': [
    '# the header of a distro',
    '',
    'RELEASE workstation',
    'FLAVOUR desktop',
    'DISTREL r26.11',
    'DISTGEN G22095100',
    'DISTURL https://example.org/',
    'IMPORTS base network',
    'REQUIRE linux busybox',
    '',
  ],
};
for (const [file, lines] of Object.entries(olderStyle))
  test(`a recipe of the older style comes back byte for byte: ${file}`, () => {
    const text = lines.join('\n');
    const recipe = parseRecipe(text, { file, strict: true });
    assert.is(printRecipe(recipe), text);
    assert.equal(recipe.warnings, []);
    assert.is(recipe.kind, file === 'distro.rcp' ? 'release' : 'package');
  });

test.run();
