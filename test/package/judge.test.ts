import * as fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { Entry } from '../../src/formats/index.ts';
import { findCircle, inOrder } from '../../src/package/build-order.ts';
import { licenseOf } from '../../src/package/import-licenses.ts';
import { relationsFrom } from '../../src/package/import-relations.ts';
import { judgePackage } from '../../src/package/judge-package.ts';
import { leavesTree } from '../../src/package/judge-patch.ts';

const entry = (path: string, more: Partial<Entry> = {}): Entry => ({
  ...{ path, type: 'file', mode: 0o644, uid: 0, gid: 0, size: 0, sha256: '0'.repeat(64) },
  ...more,
});

const rulesFor = (...entries: Entry[]) => judgePackage(entries).map(({ path, rule }) => `${path} ${rule}`);

test('each thing that an application may not bring is named', () => {
  assert.equal(
    rulesFor(
      entry('usr/bin/su', { mode: 0o4755 }),
      entry('usr/bin/wall', { mode: 0o2755 }),
      entry('usr/bin/ping', { xattrs: { 'security.capability': new Uint8Array(20) } }),
      entry('dev/sda', { type: 'block', device: { major: 8, minor: 0 } }),
      entry('etc/passwd', { type: 'char', device: { major: 0, minor: 0 } }),
      ...[
        'etc/shadow',
        'etc/group-',
        'etc/ld.so.preload',
        'etc/ld.so.conf.d/x.conf',
        'etc/sudoers',
        'etc/sudoers.d/x',
      ].map(path => entry(path)),
      ...[
        'etc/pam.d/su',
        'usr/sbin/init',
        'sbin/init',
        'usr/lib/systemd/systemd',
        'boot/vmlinuz',
        'etc/cron.d/x',
        'root/.ssh/authorized_keys',
      ].map(path => entry(path)),
      entry('usr', { type: 'dir', mode: 0o755, xattrs: { 'trusted.overlay.opaque': new Uint8Array([121]) } }),
    ),
    [
      '/usr/bin/su setuid',
      '/usr/bin/wall setgid',
      '/usr/bin/ping capability',
      '/dev/sda device',
      '/etc/passwd hidden',
      '/etc/passwd accounts',
      '/etc/shadow accounts',
      '/etc/group- accounts',
      '/etc/ld.so.preload preload',
      '/etc/ld.so.conf.d/x.conf preload',
      '/etc/sudoers privilege',
      '/etc/sudoers.d/x privilege',
      '/etc/pam.d/su privilege',
      '/usr/sbin/init init',
      '/sbin/init init',
      '/usr/lib/systemd/systemd init',
      '/boot/vmlinuz kernel',
      '/etc/cron.d/x login',
      '/root/.ssh/authorized_keys login',
      '/usr overlay',
    ],
  );
});

test('what is usual is not, nor what the recipe permits; a symlink in the place counts', () => {
  assert.equal(
    rulesFor(
      ...[
        'usr/bin/x',
        'etc/x.conf',
        'usr/share/doc/passwd',
        'usr/lib/systemd/system/x.service',
        'opt/etc/passwd',
        'etc/passwd.d/x',
      ].map(path => entry(path)),
      ...['etc/sudoers.d', 'root', 'boot', 'etc/cron.d'].map(path =>
        entry(path, { type: 'dir', mode: 0o755 }),
      ),
      entry('var/lib/x', { type: 'dir', mode: 0o2775 }),
    ),
    [],
  );
  assert.equal(judgePackage([entry('usr/bin/su', { mode: 0o4755 })], new Set(['setuid'])), []);
  assert.equal(rulesFor(entry('etc/ld.so.preload', { type: 'link', link: '/x' })), [
    '/etc/ld.so.preload preload',
  ]);
});

test('a patch that leaves its tree is found, by every kind of line that names a file', () => {
  for (const name of ['/etc/passwd', '../x', 'a/../../x', 'a/..']) {
    assert.is(leavesTree(`--- ${name}\n+++ a/x\n`), name);
    assert.is(leavesTree(`--- a/x\t2026-01-01\n+++ ${name}\t2026-01-01 00:00:00\n`), name);
  }
  assert.is(leavesTree('rename from ../../x\n'), '../../x');
  assert.is(leavesTree('Index: /etc/x\n'), '/etc/x');
  for (const fine of [
    '--- a/x\n+++ b/x\n',
    '--- /dev/null\n+++ b/x\n',
    '-- ../x\n',
    ' --- ../x\n',
    '--- hello-2.10.orig/a..b\n',
  ])
    assert.is(leavesTree(fine), null);
});

const word = fc.constantFrom('a', 'b', 'c', 'd', 'e');

test('what is built waits for what it needs, whatever the graph; a circle is found exactly when there is one', () =>
  fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(fc.tuple(word, fc.uniqueArray(word)), { selector: ([name]) => name }),
      fc.integer({ min: 1, max: 3 }),
      async (edges, atOnce) => {
        const graph = new Map<string, readonly string[]>(edges);
        const reaches = (from: string, to: string, seen = new Set<string>()): boolean =>
          !seen.has(from) &&
          (graph.get(from) ?? []).some(next => next === to || reaches(next, to, seen.add(from)));
        const circle = findCircle(graph);
        assert.is(
          circle !== null,
          [...graph.keys()].some(name => reaches(name, name)),
        );
        if (circle) {
          assert.is(circle[0], circle.at(-1));
          for (const [i, name] of circle.slice(1).entries())
            assert.ok(graph.get(circle[i] ?? '')?.includes(name));
          return;
        }
        const done: string[] = [];
        let now = 0;
        await inOrder(graph, atOnce, async name => {
          assert.ok(++now <= atOnce);
          await Promise.resolve();
          for (const need of graph.get(name) ?? []) assert.ok(!graph.has(need) || done.includes(need));
          done.push(name);
          now--;
        });
        assert.equal(done.sort(), [...graph.keys()].sort());
      },
    ),
  ));

test('a chain of 100,000 is looked through, and the first failure is the one that is told', async () => {
  const chain = new Map(Array.from({ length: 100_000 }, (_, i) => [`p${i}`, [`p${i + 1}`]]));
  assert.is(findCircle(chain), null);
  assert.is(findCircle(new Map([...chain, ['p100000', ['p0']]]))?.length, 100_002);
  const begun: string[] = [];
  const work = async (name: string) => {
    begun.push(name);
    if (name === 'a') throw new Error('a failed');
  };
  try {
    await inOrder(
      new Map([
        ['b', ['a']],
        ['a', []],
      ]),
      2,
      work,
    );
    assert.unreachable();
  } catch (error) {
    assert.is((error as Error).message, 'a failed');
  }
  assert.equal(begun, ['a']);
});

test("Debian's relations as a recipe's", () => {
  const { words, notes } = relationsFrom(
    'Depends',
    'libc6 (>= 2.34), libjq1 (= 1.6-2.1), awk | mawk, python3:any, x (<< 2:3.0~rc1-1), y [amd64], --evil',
  );
  assert.equal(words, ['libc6>=2.34', 'libjq1=1.6+2.1', 'awk', 'python3', 'x<3.0~rc1+1', 'y']);
  assert.is(notes.length, 2);
});

test('licences are told by what they say', () => {
  assert.is(licenseOf('Permission is hereby granted, free of charge, to any person obtaining a copy'), 'MIT');
  assert.is(
    licenseOf(
      'Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: GPL-2+\n x\n\nLicense: Expat\n',
    ),
    'GPL-2+ and Expat',
  );
  assert.is(
    licenseOf(
      '                    GNU GENERAL PUBLIC LICENSE\n                       Version 3, 29 June 2007',
    ),
    'GPL-3.0-or-later',
  );
  assert.is(licenseOf('all rights reserved'), 'unknown');
});

test.run();
