// limit: 600s
import { execFileSync } from 'node:child_process';
import { cpSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { formatRecipe, packageFrom, parseRecipe } from '../../src/formats/index.ts';
import { needs } from '../needs.ts';
import { openWorkshop } from './workshop.ts';

const profiles = resolve(fileURLToPath(import.meta.url), '../../../profiles');
const packages = join(profiles, 'packages');
const names = readdirSync(packages)
  .map(file => file.replace(/\.rcp$/, ''))
  .sort();

test('every shipped recipe is strict, in form, dated and pinned, under its own name', () => {
  assert.equal(names, ['figlet', 'hello', 'pngcheck', 'semver', 'zlib']);
  for (const name of names) {
    const file = join(packages, `${name}.rcp`);
    const text = readFileSync(file, 'utf8');
    const recipe = parseRecipe(text, { file, strict: true });
    assert.is(formatRecipe(recipe), text);
    const view = packageFrom(recipe);
    assert.is(view.name, name);
    assert.ok(view.stamp !== null && view.license !== '' && view.comment !== '');
    for (const item of view.folder) assert.ok(item.do !== 'get' || item.sha256 !== null);
  }
});

/** Files of every shipped package, built below a directory of their own: name to bytes. */
async function build(mask: number, now: string, format: 'erofs' | 'squashfs', sources?: string) {
  const before = process.umask(mask);
  try {
    await using shop = await openWorkshop({ profiles, now: () => new Date(now) });
    const cache = join(shop.root, 'var/lib/nanolin/sources');
    if (sources) cpSync(sources, cache, { recursive: true });
    const out = join(shop.directory, 'some/where', format);
    const made = await shop.nanolin.package.make(names, { out, format });
    if (!sources) cpSync(cache, kept, { recursive: true });
    const files = new Map(readdirSync(out).map(file => [file, readFileSync(join(out, file))]));
    return { made, files };
  } finally {
    process.umask(before);
  }
}

const kept = join(process.env.TMPDIR ?? '/tmp', `nanolin-shipped-${process.pid}`);
const archive =
  execFileSync('apt-cache', ['madison', 'hello'], { encoding: 'utf8' }) === ''
    ? "apt's lists: apt-get update"
    : null;

test.after(() => rmSync(kept, { recursive: true, force: true }));

needs(test, archive)(
  'every shipped recipe gives the same bytes twice, from other directories, days and umasks, in both formats',
  async () => {
    for (const format of ['erofs', 'squashfs'] as const) {
      const one = await build(0o022, '2026-11-22T10:00:00Z', format, format === 'erofs' ? undefined : kept);
      const two = await build(0o077, '2030-02-03T04:05:06Z', format, kept);
      assert.is(one.files.size, names.length * 3);
      assert.equal([...two.files.keys()].sort(), [...one.files.keys()].sort());
      for (const [file, bytes] of one.files) assert.ok(two.files.get(file)?.equals(bytes), file);
      assert.equal(one.made.map(({ name }) => name).sort(), names);
      assert.ok(
        one.made.findIndex(({ name }) => name === 'zlib') <
          one.made.findIndex(({ name }) => name === 'pngcheck'),
      );
      for (const { pins } of one.made) assert.equal(pins, []);
    }
  },
);

test.run();
