import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, mkdtempSync, rmSync, statfsSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { native } from '../../src/kernel/index.ts';
import { importLayer } from '../../src/layer/index.ts';
import { needs } from '../needs.ts';
import { openStore, refusal } from './store.ts';

const shm = '/dev/shm';
const tmpfs = 0x01021994;
const noTmpfs = statfsSync(shm).type === tmpfs ? null : 'a tmpfs on /dev/shm';

/** The same tree, made in another order: names, attributes and hard links. */
function plant(top: string, backwards: boolean): void {
  const order = <T>(list: T[]): T[] => (backwards ? list.reverse() : list);
  mkdirSync(join(top, 'usr/share'), { recursive: true });
  for (const i of order(Array.from({ length: 300 }, (_, i) => i))) {
    const path = join(top, `usr/share/file${i}`);
    writeFileSync(path, `${i}\n`.repeat(i * 20), { mode: i % 2 ? 0o644 : 0o755 });
    if (i % 50 === 0)
      for (const name of order(['user.a', 'user.b', 'trusted.z', 'user.longer-name']))
        native.lsetxattr(path, name, Buffer.from(`${name}${i}`));
  }
  const links = order(['one', 'two', 'three']).map(name => join(top, name));
  writeFileSync(links[0] ?? '', 'shared');
  for (const link of links.slice(1)) linkSync(links[0] ?? '', link);
  symlinkSync('usr/share', join(top, 'link'));
  writeFileSync(Buffer.concat([Buffer.from(`${top}/latin1-`), Buffer.from([0xe9])]), 'x');
  execFileSync('touch', ['-d', backwards ? '2001-01-01' : '2020-02-02', join(top, 'usr')]);
}

for (const format of ['erofs', 'squashfs'] as const)
  needs(test, noTmpfs)(
    `${format}: the same tree gives the same bytes, from another directory, in a store on another file system`,
    async () => {
      using here = openStore();
      using there = openStore({ under: shm });
      const other = mkdtempSync(join(shm, 'nanolin-tree-'));
      try {
        plant(join(here.scratch, 'tree'), false);
        plant(join(other, 'elsewhere'), true);
        const [a] = await importLayer(here.ctx, join(here.scratch, 'tree'), { name: 'tree', format });
        const [b] = await importLayer(there.ctx, join(other, 'elsewhere'), { name: 'tree', format });
        assert.is(a?.format, format);
        assert.is(a?.digest, b?.digest);
      } finally {
        rmSync(other, { recursive: true });
      }
    },
  );

test('another stamp is another image', async () => {
  using a = openStore();
  using b = openStore({ now: () => new Date('2026-11-22T10:00:01Z') });
  plant(join(a.scratch, 'tree'), false);
  const [one] = await importLayer(a.ctx, join(a.scratch, 'tree'));
  const [two] = await importLayer(b.ctx, join(a.scratch, 'tree'));
  assert.is.not(one?.digest, two?.digest);
});

test('SOURCE_DATE_EPOCH is the stamp, and is not moved out of the way of another layer', async () => {
  using store = openStore();
  process.env.SOURCE_DATE_EPOCH = '1700000000';
  try {
    mkdirSync(join(store.scratch, 'a'));
    const [layer] = await importLayer(store.ctx, join(store.scratch, 'a'));
    assert.is(layer?.stamp, 'r23.11-G14221320');
    writeFileSync(join(store.scratch, 'a/new'), '');
    assert.is((await refusal(importLayer(store.ctx, join(store.scratch, 'a')))).code, 'layer-exists');
  } finally {
    delete process.env.SOURCE_DATE_EPOCH;
  }
});

test.run();
