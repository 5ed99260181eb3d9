import { readdirSync, readFileSync } from 'node:fs';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { programs, upstream } from '../../src/start/programs.ts';

const test = suite('programs of the story');

const versions: readonly [debian: string, upstream: string][] = [
  ['3.5.0+ds1-0+deb12u1', '3.5.0'],
  ['5:7.0.15-1~deb12u10', '7.0.15'],
  ['1.22.1+9+deb12u11', '1.22.1'],
  ['2.1.0-1', '2.1.0'],
  ['7.2', '7.2'],
  ['1.0~rc1-1', '1.0'],
];
for (const [debian, own] of versions)
  test(`${debian} calls itself ${own}`, () => assert.is(upstream(debian), own));

test('every program comes from a layer that a shipped profile names', () => {
  const directory = new URL('../../profiles/', import.meta.url);
  const named = readdirSync(directory)
    .filter(file => file.endsWith('.rcp'))
    .map(file => readFileSync(new URL(file, directory), 'utf8'))
    .flatMap(text => [...text.matchAll(/^ENABLES (.*)$/gm)].flatMap(([, words = '']) => words.split(' ')))
    .map(word => word.replace(/[<>=].*/, ''));
  for (const { layer, path } of programs) {
    assert.ok(named.includes(layer), layer);
    assert.ok(path.startsWith('/usr/'), path);
  }
});

test.run();
