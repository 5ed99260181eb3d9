import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/error/index.ts';
import { compareVersions, type ProfileRecipe } from '../../src/formats/index.ts';
import { refuseFatal } from '../../src/profile/problem.ts';
import { resolveProfile } from '../../src/profile/resolve.ts';
import { bottomUp, layer, profiles, resolve } from './wanted.ts';

const test = suite('resolve');
const store = ['a 1', 'b 1', 'c 1', 'd 1', 'nginx 1.18', 'nginx 1.22', 'nginx 1.9'];

const orders: readonly [what: string, recipes: readonly string[], bottomUp: readonly string[]][] = [
  ['own layers, the last named topmost', ['p\nTARGETS /usr\nENABLES a b\nENABLES c'], ['a 1', 'b 1', 'c 1']],
  ['imports go below', ['base\nTARGETS /usr\nENABLES a', 'p\nIMPORTS base\nENABLES b'], ['a 1', 'b 1']],
  [
    'imports in the order they are named, depth first',
    ['x\nENABLES a', 'y\nIMPORTS x\nENABLES b', 'z\nENABLES c', 'p\nTARGETS /usr\nIMPORTS y z\nENABLES d'],
    ['a 1', 'b 1', 'c 1', 'd 1'],
  ],
  [
    'a profile that two imports share counts once, where it is first met',
    [
      'base\nTARGETS /usr\nENABLES a',
      'x\nIMPORTS base\nENABLES b',
      'y\nIMPORTS base\nENABLES c',
      'p\nIMPORTS x y',
    ],
    ['a 1', 'b 1', 'c 1'],
  ],
  [
    'a layer named again moves up, with the later constraint',
    ['base\nTARGETS /usr\nENABLES nginx a', 'p\nIMPORTS base\nENABLES nginx=1.18'],
    ['a 1', 'nginx 1.18'],
  ],
  [
    'DISABLE takes away what an import brought',
    ['base\nTARGETS /usr\nENABLES a b c', 'p\nIMPORTS base\nDISABLE b'],
    ['a 1', 'c 1'],
  ],
  [
    'DISABLE with a version takes away that version only',
    ['base\nTARGETS /usr\nENABLES nginx a', 'p\nIMPORTS base\nDISABLE nginx<1.20'],
    ['nginx 1.22', 'a 1'],
  ],
  ['the highest version, not the last text', ['p\nTARGETS /usr\nENABLES nginx'], ['nginx 1.22']],
  ['a constraint', ['p\nTARGETS /usr\nENABLES nginx<1.20'], ['nginx 1.18']],
  [
    'a path to an image is known by its name',
    ['p\nTARGETS /usr\nENABLES /srv/a-v1-r26.01-G01000000.img'],
    ['a 1'],
  ],
  [
    'a path and a name of one layer are one layer',
    ['base\nTARGETS /usr\nENABLES a b', 'p\nIMPORTS base\nENABLES /srv/a-v1-r26.01-G01000000.img'],
    ['b 1', 'a 1'],
  ],
  ['what is missing keeps its place', ['p\nTARGETS /usr\nENABLES a nothere b'], ['a 1', 'nothere!', 'b 1']],
];

for (const [what, recipes, wanted] of orders)
  test(`order: ${what}`, () => assert.equal(bottomUp(resolve(recipes, store)), wanted));

test('of one version the newest stamp', () => {
  const { layers } = resolve(
    ['p\nTARGETS /usr\nENABLES a'],
    ['a 1 r26.02-G01000000', 'a 1 r26.11-G01000000', 'a 1 r25.12-G31000000'],
  );
  assert.is(layers[0]?.layer?.stamp, 'r26.11-G01000000');
});

const missing: readonly [query: string, store: readonly string[], message: string, hint: RegExp][] = [
  ['nginx>=1.22', ['nginx 1.18'], 'nginx>=1.22: the store has nginx 1.18', /layer import deb:nginx/],
  ['nginx=2', store, 'nginx=2: the store has nginx 1.22, 1.18, 1.9', /apt-cache madison nginx/],
  ['ngnix', store, 'ngnix: the store has no layer of that name', /did you mean nginx\?/],
  ['zzz', [], 'zzz: the store has no layer of that name', /^nanolin layer import deb:zzz$/],
  [
    '/srv/x.img',
    store,
    '/srv/x.img: no layer in the store was imported from it',
    /layer import \/srv\/x.img/,
  ],
];

for (const [query, has, message, hint] of missing)
  test(`missing: ${query} over ${has.length} layers`, () => {
    const { problems } = resolve([`p\nTARGETS /usr\nENABLES ${query}`], has);
    assert.equal(
      problems.map(each => [each.code, each.message, each.fatal]),
      [['layer-missing', message, false]],
    );
    assert.match(problems[0]?.hint ?? '', hint);
  });

test('targets: defaults, options and the last word', () => {
  const { targets } = resolve(
    [
      'base\nTARGETS /usr\nTARGETS /srv/app from=/ base=none',
      'p\nIMPORTS base\nTARGETS /opt\nTARGETS /srv/app base=keep',
    ],
    [],
    ['/opt'],
  );
  assert.equal(targets, [
    { path: '/usr', base: 'keep', from: 'usr' },
    { path: '/srv/app', base: 'keep', from: '' },
    { path: '/opt', base: 'none', from: 'opt' },
  ]);
});

const fatal: readonly [what: string, recipes: readonly string[], code: string, message: RegExp][] = [
  [
    'a circle, named',
    ['a\nIMPORTS b', 'b\nIMPORTS c', 'c\nIMPORTS a', 'p\nTARGETS /usr\nIMPORTS a'],
    'profile-invalid',
    /^profile p imports itself: a -> b -> c -> a$/,
  ],
  [
    'an import that is not there, with who wants it',
    ['bass\nTARGETS /usr', 'x\nIMPORTS base', 'p\nIMPORTS x'],
    'profile-missing',
    /^no profile is called base \(imported by p -> x\)$/,
  ],
  ['no target', ['p\nENABLES a'], 'profile-invalid', /has no TARGETS/],
  [
    'a target inside a target',
    ['p\nTARGETS /usr /usr/local'],
    'target-invalid',
    /\/usr\/local lies inside target \/usr$/,
  ],
  ['a target in /proc', ['p\nTARGETS /proc/sys'], 'target-invalid', /kernel's own \/proc/],
  [
    'a chain without an end',
    [...Array.from({ length: 40 }, (_, i) => `p${i}\nTARGETS /usr\nIMPORTS p${i + 1}`), 'p\nIMPORTS p0'],
    'profile-invalid',
    /imports deeper than 32: p -> p0 -> p1 -> \.\.\. -> p31/,
  ],
];

for (const [what, recipes, code, message] of fatal)
  test(`fatal: ${what}`, () => {
    const { problems } = resolve(recipes, store);
    const first = problems.filter(each => each.fatal);
    assert.is(first.length, 1, JSON.stringify(problems));
    assert.is(first[0]?.code, code);
    assert.match(first[0]?.message ?? '', message);
    assert.throws(
      () => refuseFatal(problems),
      (thrown: unknown) => thrown instanceof NanolinError && thrown.code === code,
    );
  });

test('a sibling whose name begins alike is not inside', () => {
  assert.equal(resolve(['p\nTARGETS /usr /usr2'], []).problems, []);
});

test('a broken import is fatal with its own error and the chain', () => {
  const recipes = new Map<string, ProfileRecipe | NanolinError>(profiles('p\nTARGETS /usr\nIMPORTS base'));
  recipes.set('base', new NanolinError('recipe-syntax', 'base.rcp:3:1: no'));
  const [first] = resolveProfile('p', recipes, [], () => false).problems;
  assert.equal([first?.code, first?.message], ['recipe-syntax', 'base.rcp:3:1: no (imported by p)']);
});

test('a DISABLE that takes nothing away is said and not fatal', () => {
  const [other, own] = [
    resolve(['base\nTARGETS /usr\nENABLES a', 'p\nIMPORTS base\nDISABLE b'], store),
    resolve(['p\nTARGETS /usr\nENABLES a\nDISABLE a'], store),
  ];
  assert.match(other.problems[0]?.message ?? '', /DISABLE b takes nothing away/);
  assert.is(other.problems[0]?.fatal, false);
  assert.match(own.problems[0]?.hint ?? '', /own ENABLES/);
  assert.equal(bottomUp(own), ['a 1']);
});

test('WRITING and HEALTHY of the importing profile win, SCRIPTS are collected', () => {
  const base = 'base\nTARGETS /usr\nWRITING persist\nHEALTHY\n\tfalse\nSCRIPTS enable\n\techo base';
  const silent = resolve([base, 'p\nIMPORTS base'], []);
  assert.equal([silent.writing, silent.healthy?.body], ['persist', 'false\n']);
  const loud = resolve(
    [
      base,
      'p\nCOMMENT the top\nIMPORTS base\nWRITING none\nHEALTHY timeout=3s\n\ttrue\nSCRIPTS enable\n\techo p',
    ],
    [],
  );
  assert.equal([loud.comment, loud.imports, loud.writing], ['the top', ['base'], 'none']);
  assert.equal(loud.healthy, { body: 'true\n', timeoutMs: 3000 });
  assert.equal(
    loud.scripts.map(({ profile, event, body }) => [profile, event, body]),
    [
      ['base', 'enable', 'echo base\n'],
      ['p', 'enable', 'echo p\n'],
    ],
  );
});

test('an unknown profile is a fatal problem with the nearest name', () => {
  const { problems } = resolveProfile('wbe', profiles('web\nTARGETS /usr'), [], () => false);
  assert.equal(
    problems.map(each => [each.code, each.hint, each.fatal]),
    [['profile-missing', 'did you mean web?', true]],
  );
});

test('property: every layer once; after the last mention nothing but a DISABLE moves it', () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const words = fc
    .subarray(names, { minLength: 0 })
    .chain(chosen => fc.shuffledSubarray(chosen, { minLength: chosen.length }));
  const step = fc.record({ disables: words, enables: words });
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 6 }), steps => {
      const recipes = steps.map(({ disables, enables }, i) =>
        [
          `p${i}`,
          i === 0 ? 'TARGETS /usr' : `IMPORTS p${i - 1}`,
          ...(disables.length > 0 ? [`DISABLE ${disables.join(' ')}`] : []),
          ...(enables.length > 0 ? [`ENABLES ${enables.join(' ')}`] : []),
        ].join('\n'),
      );
      const mentions = steps.flatMap(({ disables, enables }) => [
        ...disables.map(name => ({ name, on: false })),
        ...enables.map(name => ({ name, on: true })),
      ]);
      // The last word on each name, in the order of those words, is all that counts.
      const last = mentions.filter(
        ({ name }, i) => !mentions.slice(i + 1).some(later => later.name === name),
      );
      const wanted = last.filter(({ on }) => on).map(({ name }) => `${name} 1`);
      assert.equal(
        bottomUp(
          resolve(
            recipes,
            names.map(name => `${name} 1`),
          ),
        ),
        wanted,
      );
    }),
    { numRuns: 300 },
  );
});

test('property: the order of the store does not matter', () => {
  const versions = fc.uniqueArray(fc.stringMatching(/^[0-9][0-9.~+a]{0,4}$/), { minLength: 2, maxLength: 8 });
  fc.assert(
    fc.property(versions, fc.infiniteStream(fc.nat()), (all, noise) => {
      const shuffled = all.map(version => [noise.next().value, version] as const).sort((x, y) => x[0] - y[0]);
      const recipes = profiles('p\nTARGETS /usr\nENABLES x');
      const best = (texts: readonly string[]) =>
        resolveProfile(
          'p',
          recipes,
          texts.map(version => layer(`x ${version}`)),
          () => false,
        ).layers[0]?.layer?.version;
      const [one = '', other = ''] = [best(all), best(shuffled.map(([, version]) => version))];
      // Versions that Debian holds equal (1.0 and 1.00) may stand for each other.
      assert.is(compareVersions(one, other), 0);
      assert.ok(all.every(version => compareVersions(version, one) <= 0));
    }),
  );
});

test.run();
