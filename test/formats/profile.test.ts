import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseRecipe, profileFrom } from '../../src/formats/index.ts';
import { orRefused, refuses } from './throws.ts';

const read = (text: string) => profileFrom(parseRecipe(text, { file: 'web.rcp', strict: true }));
const invalid = (words: string, lines: string) =>
  refuses('recipe-invalid', words, () => read(`PROFILE web\n${lines}\n`));

test('a whole profile', () => {
  const profile = read(`PROFILE web
COMMENT nginx and its tools
	Over the base system.
IMPORTS base tools
TARGETS /usr /etc
TARGETS /opt/web base=none from=/
TARGETS /srv/www from=/usr/share/www base=keep
ENABLES openssl nginx>=1.22
ENABLES /srv/site.img
DISABLE jq
WRITING persist
HEALTHY timeout=500ms
	nginx -t
SCRIPTS enable
	systemctl start nginx
APPLIES boot hours=22-06
PERMITS network bind=/srv:ro
`);
  assert.equal(profile, {
    name: 'web',
    comment: 'nginx and its tools',
    description: 'Over the base system.\n',
    imports: ['base', 'tools'],
    targets: [
      { path: '/usr', base: null, from: null, line: 5 },
      { path: '/etc', base: null, from: null, line: 5 },
      { path: '/opt/web', base: 'none', from: '', line: 6 },
      { path: '/srv/www', base: 'keep', from: 'usr/share/www', line: 7 },
    ],
    enables: [
      { text: 'openssl', query: { kind: 'name', name: 'openssl', op: null, version: null }, line: 8 },
      { text: 'nginx>=1.22', query: { kind: 'name', name: 'nginx', op: '>=', version: '1.22' }, line: 8 },
      { text: '/srv/site.img', query: { kind: 'path', path: '/srv/site.img' }, line: 9 },
    ],
    disables: [{ text: 'jq', query: { kind: 'name', name: 'jq', op: null, version: null }, line: 10 }],
    writing: 'persist',
    healthy: { body: 'nginx -t\n', timeoutMs: 500 },
    scripts: [{ event: 'enable', body: 'systemctl start nginx\n' }],
    applies: ['boot', 'hours=22-06'],
    permits: ['network', 'bind=/srv:ro'],
  });
});

test('what a profile does not say is null or empty', () => {
  assert.equal(read('PROFILE web\n'), {
    name: 'web',
    comment: '',
    description: '',
    imports: [],
    targets: [],
    enables: [],
    disables: [],
    writing: null,
    healthy: null,
    scripts: [],
    applies: [],
    permits: [],
  });
  assert.is(read('PROFILE web\nHEALTHY\n\ttrue\n').healthy?.timeoutMs, 10_000);
});

test('a recipe of another kind is no profile', () => {
  refuses('recipe-invalid', 'web.rcp:1: not a profile', () => read('PACKAGE web\n'));
});

test('names', () => {
  for (const bad of ['../x', '-rf', 'a;b', '', 'a b', 'x'.repeat(10_000)])
    refuses('recipe-invalid', 'web.rcp:1:', () => read(`PROFILE ${bad}\n`));
  invalid('web.rcp:2:14: IMPORTS: ../x is not a name', 'IMPORTS base ../x');
  invalid('web.rcp:2:9: IMPORTS: web imports itself', 'IMPORTS web');
  invalid('web.rcp:3:9: IMPORTS: base stands a second time (line 2)', 'IMPORTS base\nIMPORTS base');
  invalid('web.rcp:2:8: IMPORTS: expected the name of a profile', 'IMPORTS');
});

test('targets are absolute and normalised, and each is named once', () => {
  for (const bad of [
    '/',
    'usr',
    '/usr/',
    '/usr/../etc',
    '/./usr',
    '//usr',
    '/usr//lib',
    '..',
    `/${'x'.repeat(5000)}`,
  ])
    invalid('is not a target', `TARGETS ${bad}`);
  invalid('web.rcp:2:14: TARGETS: /usr stands a second time (line 2)', 'TARGETS /usr /usr');
  invalid('expected an absolute path', 'TARGETS base=keep');
  for (const bad of ['base=', 'base=maybe', 'from=', 'from=../x', 'from=/a/', 'from=//', 'mode=1'])
    invalid('expected base=keep, base=none or from=DIR', `TARGETS /usr ${bad}`);
  invalid('base= stands a second time', 'TARGETS /usr base=keep base=keep');
  invalid('from= stands a second time', 'TARGETS /usr from=/ from=usr');
});

test('layers are queries, and each is named once', () => {
  assert.match(
    invalid('web.rcp:2:12: ENABLES: "A" does not name a layer', 'ENABLES jq A').hint ?? '',
    'name>=1.2',
  );
  invalid('web.rcp:2:16: ENABLES: jq=1.7 stands a second time (line 2)', 'ENABLES jq=1.6 jq=1.7');
  invalid('web.rcp:3:9: DISABLE: jq stands a second time', 'DISABLE jq\nDISABLE jq');
  invalid('expected a layer', 'ENABLES');
});

test('writing, health and scripts', () => {
  invalid('web.rcp:2:9: WRITING: always: expected none, volatile or persist', 'WRITING always');
  for (const bad of [
    'timeout=',
    'timeout=0s',
    'timeout=-1s',
    'timeout=10',
    'timeout=61m',
    'timeout=1h',
    '10s',
    'timeout=1e3s',
  ])
    invalid('expected timeout=', `HEALTHY ${bad}\n\ttrue`);
  invalid('web.rcp:2:1: HEALTHY: has no body', 'HEALTHY timeout=1s');
  invalid('expected one of enable disable startup shutdown login', 'SCRIPTS reboot\n\ttrue');
  invalid('SCRIPTS: has no body', 'SCRIPTS enable');
  invalid(
    'web.rcp:4:9: SCRIPTS: enable stands a second time (line 2)',
    'SCRIPTS enable\n\ta\nSCRIPTS enable\n\tb',
  );
});

test('any profile is read or refused', () => {
  const word = fc.oneof(
    fc.constantFrom('/usr', 'a', 'base=keep', 'from=/', 'jq>=1', '..', '/x.img', 'timeout=1s'),
    fc.string(),
  );
  const keyword = fc.constantFrom(
    'IMPORTS',
    'TARGETS',
    'ENABLES',
    'DISABLE',
    'WRITING',
    'HEALTHY',
    'SCRIPTS',
    'APPLIES',
  );
  const line = fc.tuple(keyword, fc.array(word, { maxLength: 3 })).map(([k, w]) => `${k} ${w.join(' ')}`);
  fc.assert(
    fc.property(fc.array(line, { maxLength: 4 }), lines => {
      const text = `PROFILE web\n${lines.join('\n')}\n`;
      const recipe = orRefused('recipe-syntax', () => parseRecipe(text, { file: 'web.rcp' }));
      if (recipe !== null) orRefused('recipe-invalid', () => profileFrom(recipe));
    }),
    { numRuns: 2000 },
  );
});

test.run();
