import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { matches, parseQuery, printQuery } from '../../src/formats/index.ts';
import { orRefused, refuses } from './throws.ts';

test('a name, a name with a version, a path', () => {
  assert.equal(parseQuery('libstdc++6'), { kind: 'name', name: 'libstdc++6', op: null, version: null });
  assert.equal(parseQuery('nginx>=1.22'), { kind: 'name', name: 'nginx', op: '>=', version: '1.22' });
  assert.equal(parseQuery('/srv/x y.img'), { kind: 'path', path: '/srv/x y.img' });
  assert.equal(parseQuery('./x.img'), { kind: 'path', path: './x.img' });
});

test('every operator holds for the versions it names, by Debian order', () => {
  const holds = (text: string) =>
    ['1.9', '1.10', '1.10.0', '1.11'].filter(version => matches(parseQuery(text), { name: 'a', version }));
  assert.equal(holds('a'), ['1.9', '1.10', '1.10.0', '1.11']);
  assert.equal(holds('a=1.10'), ['1.10']);
  assert.equal(holds('a>=1.10'), ['1.10', '1.10.0', '1.11']);
  assert.equal(holds('a>1.10'), ['1.10.0', '1.11']);
  assert.equal(holds('a<=1.10'), ['1.9', '1.10']);
  assert.equal(holds('a<1.10'), ['1.9']);
  assert.equal(holds('b'), []);
  assert.not.ok(matches(parseQuery('/a.img'), { name: 'a', version: '1' }), 'a path is answered by its file');
});

test('what names no layer is refused with what was expected', () => {
  for (const bad of [
    '',
    'A',
    '-rf',
    'a=',
    'a==1',
    'a=>1',
    'a>=',
    'a>=x',
    '/srv/x',
    './x.tar',
    '../x.img',
    'a b',
    'a\n',
    '/x\n.img',
    '=1',
  ])
    assert.ok(
      refuses('usage', 'does not name a layer', () => parseQuery(bad)).hint?.includes('name>=1.2'),
      bad,
    );
  refuses('usage', 'does not name a layer', () => parseQuery('a'.repeat(1_000_000)));
});

test('any text is refused or printed as it was read', () => {
  const text = fc.oneof(fc.string(), fc.stringMatching(/^[./a1]{0,3}[=<>]{0,2}[a1.]{0,3}(\.img)?$/));
  fc.assert(
    fc.property(text, text => {
      const query = orRefused('usage', () => parseQuery(text));
      if (query !== null) assert.is(printQuery(query), text);
    }),
    { numRuns: 2000 },
  );
});

test.run();
