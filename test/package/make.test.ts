import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseManifest } from '../../src/formats/index.ts';
import type { MakeOptions } from '../../src/index.ts';
import { refusal } from '../layer/store.ts';
import { bodies, openWorkshop, type Workshop } from './workshop.ts';

const greet = [
  'PACKAGE greet',
  'VERSION 1.0',
  'PKGDATE 2026-11-20T09:00:00Z',
  'COMMENT says hello',
  'TOOLING cc make',
  'PUTFILE greet.c',
  '\t#include <stdio.h>',
  '\tint main(void) { puts("hello from " __FILE__ " of " __DATE__); }',
  'PUTFILE more/fix.patch',
  '\t--- a/greet.c',
  '\t+++ b/greet.c',
  '\t@@ -1,2 +1,2 @@',
  '\t #include <stdio.h>',
  '\t-int main(void) { puts("hello from " __FILE__ " of " __DATE__); }',
  '\t+int main(void) { puts("patched " __FILE__ " of " __DATE__); }',
  'PATCHES . more/fix.patch',
  'COMPILE greet',
  '\tcc -g -o greet greet.c',
  'INSPECT greet',
  '\t./greet | grep -q patched',
  'INSTALL /usr/bin/greet',
  '\tinstall -D -m 0755 greet "$DESTDIR/usr/bin/greet"',
  '\tln /usr/bin/greet /usr/bin/greet2',
  '\tln -s greet /usr/bin/greet3',
  '\tinstall -d -m 2775 -g staff /var/lib/greet',
];

const manifestOf = (shop: Workshop, image: string) => {
  const file = join(shop.root, 'var/lib/nanolin/layers', image.replace('.img', '.lst'));
  return parseManifest(readFileSync(file), { file }).entries;
};

test('what INSTALL writes is the package: sources, patch, compiler, owners, modes, links', async () => {
  await using shop = await openWorkshop();
  const made = await shop.make(shop.recipe('greet', greet));
  assert.is(made.image, 'greet-v1.0-r26.11-G20090000.img');
  const entries = manifestOf(shop, made.image);
  assert.equal(
    entries.map(({ path, type, mode, uid, gid }) => `${path} ${type} ${mode.toString(8)} ${uid}:${gid}`),
    [
      ' dir 755 0:0',
      'usr dir 755 0:0',
      'usr/bin dir 755 0:0',
      'usr/bin/greet file 755 0:0',
      'usr/bin/greet2 file 755 0:0',
      'usr/bin/greet3 link 777 0:0',
      'var dir 755 0:0',
      'var/lib dir 755 0:0',
      'var/lib/greet dir 2775 0:50',
    ],
  );
  assert.is(entries[3]?.inode, entries[4]?.inode);
  const recipe = join(shop.root, 'var/lib/nanolin/layers/greet-v1.0-r26.11-G20090000.rcp');
  assert.is(readFileSync(recipe, 'utf8'), `${greet.join('\n')}\n`);
});

/** A package built by somebody else, elsewhere, on another day: the bytes of its files. */
async function elsewhere(mask: number, day: string, options: MakeOptions): Promise<Map<string, string>> {
  const before = process.umask(mask);
  try {
    await using shop = await openWorkshop({ now: () => new Date(day) });
    const out = join(shop.directory, `out-${mask}`);
    const { out: written } = await shop.make(shop.recipe('greet', greet), { ...options, out });
    return new Map(written.map(path => [path.slice(out.length), readFileSync(path).toString('base64')]));
  } finally {
    process.umask(before);
  }
}

for (const format of ['erofs', 'squashfs'] as const)
  test(`the same recipe gives the same bytes on another day, elsewhere, with another umask: ${format}`, async () => {
    const one = await elsewhere(0o022, '2026-11-22T10:00:00Z', { format });
    const two = await elsewhere(0o077, '2031-03-01T23:59:59Z', { format, check: true });
    assert.equal(
      [...one.keys()].sort(),
      ['.img', '.lst', '.rcp'].map(suffix => `/greet-v1.0-r26.11-G20090000${suffix}`),
    );
    assert.equal(two, one);
  });

test('a recipe without a date is stamped with the day, and the recipe that comes out says it', async () => {
  await using shop = await openWorkshop({ now: () => new Date('2026-11-22T10:00:05Z') });
  const lines = greet.filter(line => !line.startsWith('PKGDATE'));
  const out = join(shop.directory, 'out');
  const one = await shop.make(shop.recipe('greet', lines), { out });
  assert.is(one.stamp, 'r26.11-G22100005');
  await using later = await openWorkshop({ now: () => new Date('2027-01-01T00:00:00Z') });
  const again = await later.make(join(out, 'greet-v1.0-r26.11-G22100005.rcp'));
  assert.is(again.digest, one.digest);
});

test('--check shows the first path and byte in which two builds differ', async () => {
  await using shop = await openWorkshop();
  const random = bodies('random', {
    INSTALL: ['mkdir /opt/r', 'echo same >/opt/r/a', 'head -c 16 /dev/urandom >/opt/r/b'],
  });
  const error = await refusal(shop.make(shop.recipe('random', random), { check: true }));
  assert.match(
    error.message,
    /two builds differ: \/opt\/r\/b: its content differs: at byte 0: [0-9a-f]{32} and [0-9a-f]{32}/,
  );
  const mode = bodies('mode', {
    INSTALL: [
      'mkdir /opt/r',
      'echo >/opt/r/a',
      'chmod 0$(od -An -N1 -tu1 /dev/urandom | awk \'{ print $1 % 2 ? "700" : "755" }\') /opt/r/a',
      'touch "/opt/r/$(od -An -N8 -tx8 /dev/urandom | tr -d " ")"',
    ],
  });
  assert.match(
    (await refusal(shop.make(shop.recipe('mode', mode), { check: true }))).message,
    'two builds differ: /opt/r/',
  );
  assert.equal(await shop.nanolin.layer.list(), []);
});

test('removing a file of the base is refused, by name', async () => {
  await using shop = await openWorkshop();
  const path = shop.recipe(
    'rm',
    bodies('rm', {
      INSTALL: ['rm /usr/bin/env', 'rm -r /usr/share/doc/dpkg || rm -r /usr/share/doc', 'echo >/opt/x'],
    }),
  );
  const error = await refusal(shop.make(path));
  assert.match(error.message, 'INSTALL removed files of the base');
  assert.match(error.message, '/usr/bin/env');
  assert.ok(existsSync('/usr/bin/env'));
});

test('what belongs to no package is left out and said', async () => {
  await using shop = await openWorkshop();
  const path = shop.recipe(
    'left',
    bodies('left', {
      INSTALL: [
        'ldconfig',
        'echo >/tmp/x',
        'echo >/var/tmp/x',
        'echo >/run/x',
        'echo mine >/opt/mine',
        'mkdir -p /usr/lib/p/__pycache__',
        'echo >/usr/lib/p/__pycache__/a.pyc',
        'echo >/usr/lib/p/a.py',
      ],
    }),
  );
  const { image, notes } = await shop.make(path);
  assert.match(notes.join(), '/etc/ld.so.cache');
  assert.equal(
    manifestOf(shop, image)
      .filter(({ type }) => type === 'file')
      .map(({ path }) => path),
    ['opt/mine', 'usr/lib/p/a.py'],
  );
  assert.equal(
    manifestOf(shop, image).filter(({ path }) => path.startsWith('etc') || path.includes('pycache')),
    [],
  );
});

test('a package of nothing is refused', async () => {
  await using shop = await openWorkshop();
  assert.match(
    (await refusal(shop.make(shop.recipe('none', bodies('none', { INSTALL: ['true'] }))))).message,
    'wrote nothing',
  );
});

test('what an application may not bring is refused path by path, unless the recipe says so', async () => {
  await using shop = await openWorkshop();
  const lines = bodies('bad', {
    INSTALL: [
      'install -m 4755 /bin/true /usr/bin/su2',
      'echo >/etc/ld.so.preload',
      'echo x:x:0:0::/:/bin/sh >>/etc/passwd',
      'mkdir /etc/sudoers.d',
      'echo >/etc/sudoers.d/me',
      'echo >/usr/sbin/init2; mv /usr/sbin/init2 /sbin/init',
    ],
  });
  const error = await refusal(shop.make(shop.recipe('bad', lines)));
  assert.is(error.code, 'refused');
  for (const path of [
    '/usr/bin/su2',
    '/etc/ld.so.preload',
    '/etc/passwd',
    '/etc/sudoers.d/me',
    '/usr/sbin/init',
  ])
    assert.match(error.message, path);
  const { image } = await shop.make(
    shop.recipe(
      'good',
      bodies('good', { INSTALL: ['install -m 4755 /bin/true /usr/bin/su2'] }).toSpliced(
        2,
        0,
        'PERMITS setuid',
      ),
    ),
  );
  assert.equal(manifestOf(shop, image).find(({ path }) => path === 'usr/bin/su2')?.tags, ['setuid']);
});

test('REQUIRE and TOOLING beside a recipe are built first, lie below its build, and are known the next time', async () => {
  await using shop = await openWorkshop();
  shop.recipe(
    'tool',
    bodies('tool', {
      INSTALL: ['printf "#!/bin/sh\\necho made by tool\\n" >/usr/bin/a-tool', 'chmod 755 /usr/bin/a-tool'],
    }),
  );
  shop.recipe('lib', [
    ...bodies('lib', { INSTALL: ['mkdir -p /usr/share/lib-of-ours', 'a-tool >/usr/share/lib-of-ours/data'] }),
    'TOOLING tool',
  ]);
  const program = shop.recipe('program', [
    ...bodies('program', {
      INSTALL: ['cat /usr/share/lib-of-ours/data >/opt/data', 'grep -q "made by tool" /opt/data'],
    }),
    'REQUIRE lib>=1',
  ]);
  const first = await shop.nanolin.package.make([program]);
  assert.equal(
    first.map(({ name, built }) => `${name} ${built}`),
    ['tool true', 'lib true', 'program true'],
  );
  assert.equal(
    manifestOf(shop, first[2]?.image ?? '').map(({ path }) => path),
    ['', 'opt', 'opt/data'],
  );
  const second = await shop.nanolin.package.make([program]);
  assert.equal(
    second.map(({ name, built }) => `${name} ${built}`),
    ['tool false', 'lib false', 'program true'],
  );
});

test('a circle of recipes is explained, and a TOOLING that nobody has', async () => {
  await using shop = await openWorkshop();
  const lines = (name: string, needs: string) => [...bodies(name, { INSTALL: ['true'] }), `REQUIRE ${needs}`];
  const path = shop.recipe('a', lines('a', 'b'));
  shop.recipe('b', lines('b', 'c'));
  shop.recipe('c', lines('c', 'a'));
  assert.match(
    (await refusal(shop.make(path))).message,
    /need each other to be built: (a needs b needs c needs a|b needs c needs a needs b|c needs a needs b needs c)/,
  );
  const tool = shop.recipe('t', [...bodies('t', { INSTALL: ['true'] }), 'TOOLING no-such-tool']);
  assert.is((await refusal(shop.make(tool))).code, 'layer-missing');
  shop.recipe('sudo', bodies('busybox', { INSTALL: ['true'] }));
  const other = shop.recipe('u', [...bodies('u', { INSTALL: ['true'] }), 'REQUIRE sudo']);
  assert.match((await refusal(shop.make(other))).message, 'sudo.rcp says PACKAGE busybox');
});

test('a stage that fails names its line, its last words and its log; --keep keeps the build folder', async () => {
  await using shop = await openWorkshop();
  const path = shop.recipe(
    'fail',
    bodies('fail', { COMPILE: ['echo half >half-done', 'echo the last words', 'false'], INSTALL: ['true'] }),
  );
  const error = await refusal(shop.make(path, { keep: true }));
  assert.is(error.message, `${path}:4: COMPILE failed: it ended with 1: the last words`);
  const log = /the log is ([^,]+)/.exec(error.hint ?? '')?.[1] ?? '';
  assert.match(readFileSync(log, 'utf8'), 'the last words');
  assert.is(readFileSync(join(shop.root, 'var/lib/nanolin/builds/fail/half-done'), 'utf8'), 'half\n');
});

test('other content under the same stamp is not stored over the first', async () => {
  await using shop = await openWorkshop();
  const build = (text: string) =>
    shop.make(shop.recipe('v', bodies('v', { INSTALL: [`echo ${text} >/opt/v`] })));
  const first = await build('one');
  assert.is((await build('one')).digest, first.digest);
  assert.is((await refusal(build('two'))).code, 'layer-exists');
});

test('a signed package is one for stock signify, and the image mounts by plain mount', async () => {
  await using shop = await openWorkshop();
  await shop.nanolin.key.create('release', { password: null });
  const out = join(shop.directory, 'out');
  const { out: written } = await shop.make(shop.recipe('greet', greet), { out, key: 'release' });
  const signature = written.find(path => path.endsWith('.sig')) ?? '';
  const key = join(shop.root, 'etc/nanolin/keys/release.pub');
  const said = execFileSync('signify-openbsd', ['-C', '-p', key, '-x', signature], {
    cwd: out,
    encoding: 'utf8',
  });
  assert.match(said, 'greet-v1.0-r26.11-G20090000.img: OK');
  const at = join(shop.directory, 'mnt');
  mkdirSync(at);
  execFileSync('mount', ['-o', 'ro', written.find(path => path.endsWith('.img')) ?? '', at]);
  try {
    assert.match(
      execFileSync(join(at, 'usr/bin/greet'), { encoding: 'utf8' }),
      /^patched greet.c of Nov 20 2026/,
    );
  } finally {
    execFileSync('umount', [at]);
  }
});

test('new writes a recipe that builds, show says what it says, format brings it into form', async () => {
  await using shop = await openWorkshop({ now: () => new Date('2026-11-22T10:00:00Z') });
  const path = await shop.nanolin.package.create(join(shop.directory, 'fresh.rcp'));
  const made = await shop.make(path);
  const report = await shop.nanolin.package.show('fresh');
  assert.is(report.image, made.image);
  assert.equal(report.tooling, ['gcc']);
  assert.is((await refusal(shop.nanolin.package.create(path))).code, 'refused');
  assert.is(await shop.nanolin.package.format(path, { check: true }), false);
  writeFileSync(path, readFileSync(path, 'utf8').replace('COMPILE', 'BUILDER'));
  assert.is(await shop.nanolin.package.format(path), true);
  assert.match(readFileSync(path, 'utf8'), /^COMPILE fresh$/m);
  assert.match((await refusal(shop.nanolin.package.show('fres'))).message, 'there is no recipe');
  assert.equal(
    readdirSync(shop.directory).filter(name => name.startsWith('.')),
    [],
  );
});

test.run();
