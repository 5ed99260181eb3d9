// limit: 400s
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { makeWorld } from '../contract/world.ts';

const top = resolve(import.meta.dirname, '../..');

test('from a shipped recipe to a program that is on and off again, each step with the command line and stock tools', async () => {
  await using world = await makeWorld();
  const usr = world.directory('usr', { 'bin/base': 'base' });
  world.profile('p', `TARGETS ${usr} from=/usr`);
  const nanolin = (...words: string[]) =>
    JSON.parse(
      execFileSync('node', [join(top, 'dist/nanolin.js'), '--root', world.root, '--json', ...words], {
        encoding: 'utf8',
        cwd: world.root,
      }),
    );
  const out = join(world.root, 'out');

  nanolin('key', 'new', 'me', '--no-password');
  nanolin('package', 'make', join(top, 'profiles/packages/hello.rcp'), '--out', out, '--key', 'me');
  const stem =
    readdirSync(out)
      .find(name => name.endsWith('.img'))
      ?.slice(0, -4) ?? '';
  assert.match(stem, /^hello-v[0-9.]+-r\d\d\.\d\d-G\d{8}$/);

  const checked = execFileSync(
    'signify-openbsd',
    ['-C', '-p', join(world.root, 'etc/nanolin/keys/me.pub'), '-x', `${stem}.sig`],
    { cwd: out, encoding: 'utf8' },
  );
  assert.match(checked, /Signature Verified[\s\S]*\.img: OK[\s\S]*\.lst: OK/);

  const mounted = join(world.root, 'mounted');
  mkdirSync(mounted);
  execFileSync('mount', [join(out, `${stem}.img`), mounted]);
  try {
    const compared = spawnSync('mtree', ['-p', mounted, '-f', join(out, `${stem}.lst`)], {
      encoding: 'utf8',
    });
    assert.equal([compared.status, compared.stdout, compared.stderr], [0, '', '']);
  } finally {
    execFileSync('umount', [mounted]);
  }

  nanolin('profile', 'switch', 'p');
  const hello = join(usr, 'bin/hello');
  assert.not.ok(existsSync(hello));
  nanolin('package', 'install', 'hello', '--from', out);
  assert.is(execFileSync(hello, { encoding: 'utf8' }), 'Hello, world!\n');
  assert.is(nanolin('owner', hello)[0].owner.layer, 'hello');
  nanolin('disable', 'hello');
  assert.not.ok(existsSync(hello));
  nanolin('rollback');
  assert.ok(existsSync(hello));
  nanolin('package', 'remove', 'hello');
  assert.not.ok(existsSync(hello));
  nanolin('rollback', '0');
});

test.run();
