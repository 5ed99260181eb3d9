import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { countChanges, manifestTree } from '../../src/ownership/index.ts';
import { plainTree } from './plain-tree.ts';

const lines = 200_000;

test('a manifest of 200,000 lines', () => {
  const bytes = manifest();
  const kept = process.memoryUsage().heapUsed;
  const tree = timed('made, and one look-up', () => {
    const made = manifestTree(bytes, 'usr');
    assert.is(made.entry('share/p1999/doc/f96')?.kind, 'file');
    return made;
  });
  timed('100,000 look-ups in no order', () => {
    for (let n = 0; n < 100_000; n++) {
      const path = `share/p${String((n * 7919) % 2000).padStart(4, '0')}/doc/f${n % 97}`;
      assert.is(tree.entry(path)?.kind, 'file', path);
    }
  });
  timed('children of a directory of 2,000 directories', () => assert.is(tree.children('share').length, 2000));
  const base = plainTree({});
  const counts = timed('all of it appears', () => countChanges({ lowers: [base] }, { lowers: [tree, base] }));
  assert.is(counts.appear, lines + 1);
  console.log(
    `heap: ${((process.memoryUsage().heapUsed - kept) / 1e6).toFixed(1)} MB over ${(bytes.length / 1e6).toFixed(1)} MB of text`,
  );
});

/** 2,000 packages of a directory, a directory in it and 98 files there, below usr/share. */
function manifest(): Buffer {
  const owner = 'mode=0755 uid=0 gid=0';
  const text = ['#mtree', `. type=dir ${owner}`, `./usr type=dir ${owner}`, `./usr/share type=dir ${owner}`];
  for (let n = 0; n < 2000; n++) {
    const top = `./usr/share/p${String(n).padStart(4, '0')}`;
    text.push(`${top} type=dir ${owner}`, `${top}/doc type=dir ${owner}`);
    const names = Array.from({ length: 98 }, (_, file) => `f${file}`).sort();
    for (const name of names)
      text.push(`${top}/doc/${name} type=file ${owner} size=9 sha256=${'0f'.repeat(32)}`);
  }
  return Buffer.from(`${text.join('\n')}\n`);
}

function timed<T>(what: string, act: () => T): T {
  const began = performance.now();
  const result = act();
  console.log(`${what}: ${(performance.now() - began).toFixed(1)} ms`);
  return result;
}

test.run();
