import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { ConflictReport, PathOwner, Plan, VerifyReport } from '../../src/index.ts';
import { cli, pathOwner, plan } from './fake.ts';

const jq = { layer: 'jq', version: '1.6' };
const owning = (...owners: readonly Partial<PathOwner>[]) => ({
  owner: async () => owners.map(one => ({ ...pathOwner, ...one })),
});

test('a list on standard input is one a line, or with NUL between, and is bytes', async () => {
  const asked = async (input: string | Buffer) =>
    (await cli(['owner', '/a', '-', '/z'], { input })).calls[0]?.[1];
  const [b, c] = [Buffer.from('/b'), Buffer.from('/c d')];
  assert.equal(await asked('/b\n/c d\n'), ['/a', b, c, '/z']);
  assert.equal(await asked('/b\0/c d\0'), ['/a', b, c, '/z']);
  assert.equal(await asked('/b\n\n/c d'), ['/a', b, c, '/z']);
  assert.equal(await asked('/b\nx\0'), ['/a', Buffer.from('/b\nx'), '/z']);
  assert.equal(await asked(Buffer.from([0x2f, 0xff, 0x0a])), ['/a', Buffer.from([0x2f, 0xff]), '/z']);
  assert.equal(await asked(''), ['/a', '/z']);
  // The slow parser, which a repeated flag is for, knows it as well.
  assert.equal((await cli('owner -r -r /a -', { input: '/b' })).calls[0]?.[1], ['/a', b]);
});

const rows: readonly (readonly [about: string, owner: Partial<PathOwner>, text: RegExp, code: number])[] = [
  ['a layer', {}, /^\/usr\/bin\/jq {2}jq 1\.6\n$/, 0],
  ['the base', { owner: null, base: true }, /jq {2}base\n$/, 0],
  ['a local file', { owner: null, local: true }, /made here/, 0],
  ['a local change', { local: true, shadowed: [jq] }, /jq 1\.6 {2}changed here; over jq 1\.6\n$/, 0],
  ['a deleted one', { local: true, visible: false }, /jq 1\.6 {2}removed here/, 4],
  ['nobody', { owner: null, visible: false, off: [jq] }, /nobody {2}off: jq 1\.6\n$/, 4],
  [
    'a whiteout of a layer',
    { owner: null, visible: false, chain: [{ ...jq, role: 'hides', kind: 'whiteout', by: null }] },
    /nobody {2}removed by a layer/,
    4,
  ],
  ['outside', { owner: null, base: true, target: null }, /outside of all stacks\n$/, 4],
  ['a symlink', { leadsTo: '/usr/bin/x' }, /leads to \/usr\/bin\/x/, 0],
];
for (const [about, owner, text, code] of rows)
  test(`owner says ${about}, exit ${code}`, async () => {
    const ran = await cli('owner /usr/bin/jq', { nanolin: owning(owner) });
    assert.match(ran.out, text);
    assert.is(ran.code, code);
    assert.equal(JSON.parse((await cli('owner /usr/bin/jq --json', { nanolin: owning(owner) })).out), [
      { ...pathOwner, ...owner },
    ]);
  });

test('one path that nobody has makes it exit 4, and the rest is answered', async () => {
  const { code, out } = await cli('owner /a /b', { nanolin: owning({}, { owner: null, visible: false }) });
  assert.equal([code, out.trim().split('\n').length], [4, 2]);
});

test('conflicts exits 3 for an error, 0 for notes', async () => {
  const conflict = {
    path: '/usr/x',
    kind: 'content',
    above: jq,
    under: { layer: 'o', version: '2' },
  } as const;
  const report = (severity: 'error' | 'note'): ConflictReport => ({
    profile: 'web',
    identical: 3,
    conflicts: [{ ...conflict, ordered: severity === 'note', severity }],
  });
  const ran = async (severity: 'error' | 'note') =>
    cli('conflicts --profile web', { nanolin: { conflicts: async () => report(severity) } });
  const bad = await ran('error');
  assert.equal([bad.code, bad.out.split('\n')[0]], [3, 'conflict  content  /usr/x  jq 1.6 over o 2']);
  assert.match(bad.out, '3 paths are the same in two layers');
  assert.equal([(await ran('note')).code], [0]);
});

test('verify exits 3 when a layer is not as its manifest says, not for local changes', async () => {
  const local: VerifyReport['local'] = [{ target: '/usr', path: '/usr/x', kind: 'changed', of: jq }];
  const layers = (ok: boolean): VerifyReport['layers'] => [
    { ...jq, image: 'i', ok, message: null, differences: ok ? [] : [{ path: '/x', kind: 'extra' }] },
  ];
  const ran = (report: VerifyReport) => cli('verify --deep', { nanolin: { verify: async () => report } });
  const fine = await ran({ local, layers: layers(true) });
  assert.equal([fine.code, fine.out], [0, 'changed  /usr/x  jq 1.6\nok jq 1.6\n']);
  const bad = await ran({ local: [], layers: layers(false) });
  assert.equal([bad.code, bad.out], [3, 'no local changes\nbad jq 1.6\n  extra  /x\n']);
});

test('a plan counts and shows the first paths, all of them with --paths and in JSON', async () => {
  const paths = Array.from({ length: 8 }, (_, n) => `/usr/${n}`);
  const whole: Plan = {
    ...plan,
    paths: {
      ...plan.paths,
      appear: paths,
      owner: [{ path: '/usr/o', from: jq, to: { layer: 'o', version: '2' } }],
      masked: ['/usr/m'],
      masks: [{ path: '/usr/m', layer: jq, by: { layer: 'upper', version: null } }],
    },
    processes: [
      {
        pid: 7,
        command: 'nginx',
        why: 'executes /usr/sbin/nginx',
        generation: 1,
        unit: 'nginx.service',
        holds: [],
      },
    ],
    namespaces: [
      { namespace: 9, pid: 8, command: 'php', target: '/usr', generation: 1, nested: ['/usr/local'] },
      { namespace: 10, pid: 9, command: 'ssh', target: '/usr', generation: 1, nested: [] },
    ],
  };
  const nanolin = { plan: async () => whole };
  const short = (await cli('plan enable jq', { nanolin })).out;
  assert.match(short, '8 appear\n');
  assert.equal(short.match(/^ {2}\+ /gm)?.length, 5);
  assert.match(short, 'and 3 more: --paths shows them');
  assert.match(short, '/usr/o (jq -> o)');
  assert.match(short, '/usr/m (jq, by upper)');
  assert.match(short, /7 +nginx \(nginx\.service\) +executes \/usr\/sbin\/nginx/);
  assert.match(short, 'namespace 9 of php (8) will keep the old view of /usr: /usr/local mounted inside');
  assert.match(short, 'namespace 10 of ssh (9) will keep the old view of /usr: its mount is its own');
  const full = (await cli('plan enable jq --paths', { nanolin })).out;
  assert.equal(full.match(/^ {2}\+ /gm)?.length, 8);
  assert.equal(JSON.parse((await cli('plan enable jq --json', { nanolin })).out), whole);
});

test.run();
