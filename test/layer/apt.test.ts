import { execFileSync } from 'node:child_process';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { importLayer, listLayers, showFiles } from '../../src/layer/index.ts';
import { needs } from '../needs.ts';
import { openStore, refusal } from './store.ts';

/** Versions of a package that apt's lists know, newest first. */
function versionsOf(name: string): string[] {
  const lines = execFileSync('apt-cache', ['madison', name], { encoding: 'utf8' }).split('\n');
  return [...new Set(lines.map(line => line.split('|')[1]?.trim() ?? '').filter(version => version !== ''))];
}

const [newest, older] = versionsOf('jq');
const lists = newest === undefined ? "apt's lists: apt-get update" : null;
const two = lists ?? (older === undefined ? 'two versions of jq in the archive' : null);
const plain = (version = '') => version.replace(/^\d+:/, '').replaceAll('-', '+');

needs(test, two)('two versions of jq, each with the library of its own version, side by side', async () => {
  using store = openStore();
  for (const version of [newest, older]) {
    const layers = await importLayer(store.ctx, `deb:jq=${version}`);
    const jq = layers.at(-1);
    assert.is(`${jq?.name} ${jq?.version}`, `jq ${plain(version)}`);
    assert.ok(jq && (await showFiles(store.ctx, jq)).includes('/usr/bin/jq'));
    const library = layers.find(({ name }) => name === 'libjq1');
    if (library) assert.is(library.version, plain(version));
  }
  const before = await listLayers(store.ctx);
  const tasks: string[] = [];
  const again = await importLayer(
    { ...store.ctx, progress: ({ task }) => tasks.push(task) },
    `deb:jq=${older}`,
  );
  assert.is(again.at(-1)?.version, plain(older));
  assert.equal(await listLayers(store.ctx), before);
  assert.equal([...new Set(tasks)], ['resolve']);
});

needs(test, lists)('a package that the base has is brought when it is asked for by name', async () => {
  using store = openStore();
  const layers = await importLayer(store.ctx, 'deb:base-files');
  assert.is(layers.at(-1)?.name, 'base-files');
});

needs(test, lists)('unknown names and versions, and words that are none', async () => {
  using store = openStore();
  assert.is((await refusal(importLayer(store.ctx, 'deb:no-such-package-here'))).code, 'source-missing');
  assert.is((await refusal(importLayer(store.ctx, 'deb:jq=99'))).code, 'source-missing');
  for (const word of ['deb:-o', 'deb:', 'deb:jq-', 'deb:./x', 'deb:jq=1 2', 'deb:*'])
    assert.is((await refusal(importLayer(store.ctx, word))).code, 'usage', word);
  assert.equal(await listLayers(store.ctx), []);
});

test.run();
