import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { diffProfiles } from '../../src/profile/diff.ts';
import { reportProfile } from '../../src/profile/report.ts';
import { resolve } from './wanted.ts';

const test = suite('diff');
const store = ['a 1', 'a 2', 'b 1', 'c 1', 'd 1'];
const of = (enables: string, targets = '/usr') =>
  resolve([`p\nTARGETS ${targets}\nENABLES ${enables}`], store);

test('the same is no difference', () => {
  const nothing = { added: [], removed: [], moved: [], targets: { added: [], removed: [] } };
  assert.equal(diffProfiles(of('a b c'), of('a b c')), nothing);
});

test('another version is removed and added', () => {
  const { added, removed, moved } = diffProfiles(of('a=1 b'), of('a b c'));
  assert.equal({ added, removed, moved }, { added: ['a 2', 'c 1'], removed: ['a 1'], moved: [] });
});

test('one layer moved is one layer moved', () => {
  assert.equal(diffProfiles(of('a b c d'), of('d a b c')).moved, ['d 1']);
  assert.equal(diffProfiles(of('a b c d'), of('b c d a')).moved, ['a 2']);
});

test('targets, and layers that are missing', () => {
  const { added, targets } = diffProfiles(of('a', '/usr /etc'), of('a zz>=1', '/usr /opt'));
  assert.equal(added, ['zz>=1 (missing)']);
  assert.equal(targets, { added: ['/opt'], removed: ['/etc'] });
});

test('the report has the shape of profile show', () => {
  const resolved = resolve(
    [
      'base\nTARGETS /usr\nENABLES a\nSCRIPTS enable\n\techo base',
      'p\nCOMMENT top\nIMPORTS base\nENABLES zz\nSCRIPTS enable\n\techo p',
    ],
    store,
  );
  const report = reportProfile(resolved, [
    { code: 'recipe-syntax', message: 'odd', hint: null, fatal: false },
  ]);
  assert.equal(JSON.parse(JSON.stringify(report)), {
    name: 'p',
    comment: 'top',
    imports: ['base'],
    targets: [{ path: '/usr', base: 'keep', from: 'usr' }],
    layers: [
      { query: 'zz', name: 'zz', version: null, image: null },
      { query: 'a', name: 'a', version: '2', image: 'a-v2-r26.01-G01000000.img' },
    ],
    writing: 'none',
    healthy: null,
    scripts: { enable: 'echo base\necho p\n' },
    problems: [
      {
        code: 'layer-missing',
        message: 'zz: the store has no layer of that name',
        hint: 'nanolin layer import deb:zz',
      },
      { code: 'recipe-syntax', message: 'odd', hint: null },
    ],
  });
});

test.run();
