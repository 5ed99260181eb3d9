import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { solve } from '../../src/package/solve.ts';
import { Universe } from '../../src/package/universe.ts';
import { needs } from '../needs.ts';
import { wrongWithLarge } from './brute.ts';
import { debianScene } from './debian-universe.ts';
import { asked } from './small-universe.ts';

const scene = await debianScene();
const withLists = needs(test, scene === null ? "apt's lists of packages: apt-get update" : null);

for (const name of ['gnome', 'kde-full', 'build-essential'])
  withLists(`a real universe: ${name} over what is installed, every dependency checked`, () => {
    if (scene === null) return;
    const { candidates, installed, keep } = scene;
    const answer = solve({
      roots: [...keep, asked(name)],
      universe: new Universe(candidates),
      installed: new Set(installed),
    });
    assert.is(answer.kind, 'solution', answer.kind === 'solution' ? '' : answer.sentences.join('\n'));
    if (answer.kind !== 'solution') return;
    assert.is(wrongWithLarge(answer.chosen), null);
    const chosen = new Set(answer.chosen.map(one => one.name));
    assert.ok(chosen.has(name));
    for (const one of installed) assert.ok(chosen.has(one.name), `${one.name} was dropped`);
  });

withLists('a real universe: what cannot be is explained', () => {
  if (scene === null) return;
  const { candidates } = scene;
  const universe = new Universe(candidates);
  const answer = solve({ roots: [asked('exim4-daemon-light'), asked('postfix')], universe });
  assert.is(answer.kind, 'impossible');
  if (answer.kind === 'solution') return;
  assert.match(answer.sentences.join('\n'), /cannot be on together with mail-transport-agent/);
  assert.equal(
    answer.changes.map(change => change.do),
    ['drop', 'drop'],
  );
});

test.run();
