import { spawn } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { refusal } from '../layer/store.ts';
import { bodies, openWorkshop } from './workshop.ts';

const small = { stageMs: 20_000, disk: 32 * 2 ** 20, processes: 64, memory: 2 ** 30 };
const install = { INSTALL: ['mkdir -p "$DESTDIR/usr/share/x"; echo x >"$DESTDIR/usr/share/x/x"'] };

/** What a stage that fails says, after which nothing of it may be left. */
async function failure(stages: Readonly<Record<string, readonly string[]>>, limits = small): Promise<string> {
  await using shop = await openWorkshop();
  const path = shop.recipe('x', bodies('x', { ...stages, ...(stages.INSTALL ? {} : install) }));
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  const error = await refusal(shop.make(path, { limits }));
  assert.is(readFileSync('/proc/self/mountinfo', 'utf8'), mounts);
  const state = join(shop.root, 'var/lib/nanolin');
  for (const name of ['layers', 'tmp'])
    assert.equal(existsSync(join(state, name)) ? readdirSync(join(state, name)) : [], []);
  return error.message;
}

test('there is no network', async () => {
  const message = await failure({
    COMPILE: [
      'test "$(ls /sys/class/net 2>/dev/null)" = "" ',
      'exec 3<>/dev/null',
      'timeout 5 bash -c ": >/dev/tcp/192.0.2.1/80"',
    ],
  });
  assert.match(message, 'COMPILE failed');
  assert.match(message, 'Network is unreachable');
});

test('writing outside of the build folder is for INSTALL', async () => {
  assert.match(await failure({ COMPILE: ['echo no >/usr/lib/no'] }), 'it wrote outside of the build folder');
  assert.match(await failure({ INSPECT: ['rm /usr/bin/env'] }), 'Read-only file system');
});

test("what is the host's alone is not there: /root, homes, the store, its processes and secrets", async () => {
  await using shop = await openWorkshop();
  writeFileSync(join(shop.directory, 'secret'), 'secret');
  const path = shop.recipe(
    'peek',
    bodies('peek', {
      COMPILE: [
        `for place in /root /home /var/lib /run /srv /mnt /media ${shop.directory}; do ls -A "$place" 2>/dev/null || true; done >seen`,
        'cat /etc/shadow >>seen 2>/dev/null || true',
        'for process in /proc/[0-9]*; do tr "\\0" " " <"$process/cmdline"; echo; done >processes',
        'id -u; cat /proc/self/uid_map',
        'cat seen; grep -c . processes',
        'test ! -s seen',
        'test "$(grep -vc -e bwrap -e "sh -eu /nanolin" -e "^$" -e "tr " processes)" = 0',
        '! mount -t tmpfs none /mnt 2>/dev/null',
        '! unshare --user true 2>/dev/null',
        '! chroot / true 2>/dev/null',
        '! mknod dev b 8 0 2>/dev/null',
      ],
      ...install,
    }),
  );
  assert.is((await shop.make(path, { limits: small })).files, 5);
});

test('root in there is nobody on the host', async () => {
  await using shop = await openWorkshop();
  const path = shop.recipe(
    'map',
    bodies('map', { INSTALL: ['mkdir -p /usr/share/map', 'cat /proc/self/uid_map >/usr/share/map/map'] }),
  );
  const { name } = await shop.make(path);
  const image = (await shop.nanolin.layer.show(name)).image;
  assert.ok(existsSync(join(shop.root, 'var/lib/nanolin/layers', image)));
  const log = bodies('log', { COMPILE: ['cat /proc/self/uid_map; exit 9'], ...install });
  const error = await refusal(shop.make(shop.recipe('log', log)));
  assert.match(error.message, /it ended with 9: +0 1879048192 +65536$/);
});

test('forking without end ends at the limit of processes', async () => {
  const message = await failure({
    COMPILE: ['for i in 1 2 3 4 5 6 7 8 9 10; do for j in 1 2 3 4 5 6 7 8 9 10; do sleep 60 & done; done'],
  });
  assert.match(message, 'it reached the 64 processes that a build may have');
});

test('what stays in the background ends with its stage', async () => {
  await using shop = await openWorkshop();
  const path = shop.recipe(
    'stay',
    bodies('stay', { COMPILE: ['sleep 1234567 &', 'sleep 1234567 &'], ...install }),
  );
  await shop.make(path, { limits: small });
  const commands = readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .map(pid => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1');
      } catch {
        return '';
      }
    });
  assert.equal(
    commands.filter(command => command.includes('1234567')),
    [],
  );
});

test('filling the disk ends at the limit of the build', async () => {
  assert.match(
    await failure({ COMPILE: ['cat /dev/zero >big'] }),
    'it filled the 32 MiB that a build may take',
  );
  assert.match(await failure({ COMPILE: ['cat /dev/zero >/dev/shm/big'] }), 'it filled the 32 MiB');
  assert.match(await failure({ INSTALL: ['cat /dev/zero >/usr/share/big'] }), 'it filled the 32 MiB');
});

test('a stage that does not end is stopped', async () => {
  const message = await failure(
    { COMPILE: ['trap "" TERM INT HUP', 'while :; do sleep 1; done'] },
    { ...small, stageMs: 1500 },
  );
  assert.match(message, 'it was stopped after 1.5 s');
});

test('a process does not take more memory than it may', async () => {
  const message = await failure(
    { COMPILE: ['head -c 600000000 /dev/zero | tail -c 599999999 >/dev/null'] },
    { ...small, memory: 2 ** 27 },
  );
  assert.match(message, /memory exhausted|Cannot allocate|INSTALL|COMPILE failed/);
});

test('SIGKILL of who builds ends the build, and nothing of it is left', async () => {
  await using shop = await openWorkshop();
  const path = shop.recipe('kill', bodies('kill', { COMPILE: ['sleep 7654321'], ...install }));
  const library = new URL('../../src/index.ts', import.meta.url).href;
  const program = `import { openNanolin } from ${JSON.stringify(library)};
    const nanolin = await openNanolin({ root: ${JSON.stringify(shop.root)}, progress: ({ task }) => console.log(task) });
    await nanolin.package.make([${JSON.stringify(path)}]);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const sleeping = () =>
    readdirSync('/proc').filter(pid => {
      try {
        return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1') === 'sleep\x007654321\0';
      } catch {
        return false;
      }
    });
  while (sleeping().length === 0 && child.exitCode === null) await sleep(50);
  assert.is(sleeping().length, 1);
  child.kill('SIGKILL');
  for (let tries = 0; sleeping().length > 0 && tries < 100; tries++) await sleep(50);
  assert.equal(sleeping(), []);
  assert.equal(readdirSync(join(shop.root, 'var/lib/nanolin')), ['logs']);
});

test('an abort ends the build', async () => {
  const abort = new AbortController();
  await using shop = await openWorkshop({
    signal: abort.signal,
    progress: ({ task }) => {
      if (task === 'compile') setTimeout(() => abort.abort(), 300);
    },
  });
  const path = shop.recipe('slow', bodies('slow', { COMPILE: ['echo begun; sleep 60'], ...install }));
  assert.is((await refusal(shop.make(path))).code, 'cancelled');
});

test.run();
