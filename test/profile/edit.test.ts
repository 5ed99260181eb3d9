import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/error/index.ts';
import { editStack, type StackEdit } from '../../src/profile/edit.ts';
import type { LayerRef } from '../../src/stack/types.ts';
import { layer } from './wanted.ts';

const test = suite('edit');
const store = ['a 1', 'a 2', 'b 1', 'c 1', 'd 1'].map(layer);

/** Topmost first, as `a 1, b 1`. */
const on = (text: string): LayerRef[] =>
  text === ''
    ? []
    : text.split(', ').map(each => {
        const { name, version, stamp, digest, image } = layer(each);
        return { name, version, stamp, digest, image };
      });
const text = (stack: readonly LayerRef[]) =>
  stack.map(({ name, version }) => `${name} ${version}`).join(', ');
const enable = (layers: string, place: { above?: string; below?: string } = {}): StackEdit => ({
  do: 'enable',
  layers: layers.split(' '),
  ...place,
});
const disable = (layers: string): StackEdit => ({ do: 'disable', layers: layers.split(' ') });
const swap = (old: string, replacement: string): StackEdit => ({ do: 'swap', old, replacement });

const edits: readonly [what: string, before: string, edit: StackEdit, after: string | 'already so'][] = [
  ['goes on top', 'b 1', enable('c'), 'c 1, b 1'],
  ['on a bare base', '', enable('a'), 'a 2'],
  ['the last named is topmost', 'b 1', enable('c d'), 'd 1, c 1, b 1'],
  ['what is on is already so', 'b 1, c 1', enable('c'), 'already so'],
  ['what is on in an older version answers a bare name', 'a 1', enable('a'), 'already so'],
  ['another version takes the place of the one that is on', 'b 1, a 1, c 1', enable('a=2'), 'b 1, a 2, c 1'],
  ['a constraint that is not met replaces, too', 'a 1', enable('a>1'), 'a 2'],
  ['of one name the last one counts', '', enable('a=1 b a=2'), 'a 2, b 1'],
  ['above', 'b 1, c 1', enable('d', { above: 'c' }), 'b 1, d 1, c 1'],
  ['below', 'b 1, c 1', enable('d', { below: 'b' }), 'b 1, d 1, c 1'],
  ['below the lowest', 'b 1, c 1', enable('d', { below: 'c' }), 'b 1, c 1, d 1'],
  ['several above keep their order', 'c 1', enable('b d', { above: 'c' }), 'd 1, b 1, c 1'],
  ['a place moves what is on', 'd 1, b 1, c 1', enable('d', { below: 'c' }), 'b 1, c 1, d 1'],
  ['a place it has already', 'd 1, b 1', enable('d', { above: 'b' }), 'already so'],
  ['a place and another version', 'a 1, b 1', enable('a=2', { below: 'b' }), 'b 1, a 2'],
  ['disable', 'b 1, a 1, c 1', disable('a'), 'b 1, c 1'],
  ['disable several', 'b 1, a 1, c 1', disable('c b'), 'a 1'],
  ['disable what is off is already so', 'b 1', disable('c'), 'already so'],
  ['disable another version than is on is already so', 'a 1', disable('a=2'), 'already so'],
  ['disable what is on and gone from the store', 'x 1, b 1', disable('x'), 'b 1'],
  ['swap keeps the place', 'b 1, c 1, d 1', swap('c', 'a'), 'b 1, a 2, d 1'],
  ['swap one version for another', 'b 1, a 2, c 1', swap('a', 'a=1'), 'b 1, a 1, c 1'],
  ['swap for a layer that is on elsewhere moves it', 'b 1, c 1, d 1', swap('b', 'd'), 'd 1, c 1'],
  ['swap a second time is already so', 'b 1, a 2', swap('c', 'a=2'), 'already so'],
];

for (const [what, before, edit, after] of edits)
  test(what, () => {
    const stack = on(before);
    const edited = editStack(stack, edit, store);
    assert.is(text(edited), after === 'already so' ? before : after);
    assert.is(edited === stack, after === 'already so');
  });

const refusals: readonly [
  what: string,
  before: string,
  edit: StackEdit,
  code: string,
  message: RegExp,
  hint: RegExp,
][] = [
  [
    'unknown layer',
    'b 1',
    enable('zz'),
    'layer-missing',
    /^zz: the store has no layer/,
    /layer import deb:zz/,
  ],
  ['unknown version', 'b 1', enable('a>=3'), 'layer-missing', /^a>=3: the store has a 2, 1$/, /deb:a/],
  [
    'disable a name nobody knows',
    'nginx 1',
    disable('ngnix'),
    'layer-missing',
    /^ngnix: no layer/,
    /mean nginx/,
  ],
  ['above what is not on', 'b 1', enable('c', { above: 'd' }), 'layer-missing', /^d is not on$/, /mean b/],
  ['above itself', 'b 1', enable('c', { above: 'c' }), 'usage', /above or below itself/, /^$/],
  [
    'two places',
    'b 1',
    enable('c', { above: 'b', below: 'b' }),
    'usage',
    /both --above and --below/,
    /one place/,
  ],
  ['swap what is not on', 'b 1', swap('a=1', 'c'), 'layer-missing', /^a=1 is not on$/, /./],
  ['swap over nothing', '', swap('a', 'c'), 'layer-missing', /^a is not on$/, /no layer is on/],
  ['not a name', 'b 1', enable('-rf'), 'usage', /does not name a layer/, /expected name/],
];

for (const [what, before, edit, code, message, hint] of refusals)
  test(`refused: ${what}`, () => {
    try {
      editStack(on(before), edit, store);
    } catch (thrown) {
      assert.instance(thrown, NanolinError);
      const error = thrown as NanolinError;
      assert.is(error.code, code);
      assert.match(error.message, message);
      assert.match(error.hint ?? '', hint);
      return;
    }
    assert.unreachable();
  });

test('property: an edit done twice is already so, and no name is on twice', () => {
  const query = fc.constantFrom('a', 'a=1', 'a=2', 'b', 'c', 'd');
  const place = fc.option(fc.constantFrom('above', 'below'), { nil: undefined });
  const stack = fc.shuffledSubarray(['a 1', 'b 1', 'c 1', 'd 1']).map(chosen => on(chosen.join(', ')));
  const edit: fc.Arbitrary<StackEdit> = fc.oneof(
    fc
      .record({ layers: fc.array(query, { minLength: 1, maxLength: 3 }), place, anchor: query })
      .map(
        ({ layers, place, anchor }) =>
          ({ do: 'enable', layers, ...(place && { [place]: anchor }) }) as StackEdit,
      ),
    fc.array(query, { minLength: 1, maxLength: 3 }).map(layers => ({ do: 'disable', layers }) as const),
    fc.record({ old: query, replacement: query }).map(pair => ({ do: 'swap', ...pair }) as const),
  );
  fc.assert(
    fc.property(stack, edit, (before, request) => {
      let after: readonly LayerRef[];
      try {
        after = editStack(before, request, store);
      } catch (thrown) {
        return thrown instanceof NanolinError;
      }
      assert.is(new Set(after.map(({ name }) => name)).size, after.length);
      // What the edit does not name keeps its order.
      const named = new Set(JSON.stringify(request).match(/\b[abcd]\b/g));
      const rest = (refs: readonly LayerRef[]) => text(refs.filter(({ name }) => !named.has(name)));
      assert.is(rest(after), rest(before));
      if (request.do !== 'swap') assert.is(text(editStack(after, request, store)), text(after));
      return true;
    }),
    { numRuns: 500 },
  );
});

test.run();
