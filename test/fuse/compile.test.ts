import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { type Listing, merge, rules } from '../../src/fuse/compile.ts';

const test = suite('union: the rule for the lowers');
const [FILE, DIRECTORY, WHITEOUT] = [0, 1, 2];

/** `name/` is a directory, `!name` a whiteout. */
function listing(layer: number, ...names: readonly string[]): Listing {
  const kinds = names.map(name => (name.endsWith('/') ? DIRECTORY : name.startsWith('!') ? WHITEOUT : FILE));
  return { layer, names: names.map(name => name.replace(/^!|\/$/g, '')), kinds: Uint8Array.from(kinds) };
}

/** `name@layer` for what shows, and for a directory the layers that go on into it. */
function shown(...listings: readonly Listing[]): string[] {
  const { picks, count, directories } = merge(listings);
  const found: string[] = [];
  for (let at = 0; at < picks.length; at += 3 + (picks[at + 2] ?? 0)) {
    const [from = 0, index = 0, layers = 0] = picks.slice(at, at + 3);
    const name = listings[from]?.names[index] ?? '';
    const into = [...picks.slice(at + 3, at + 3 + layers)];
    assert.equal(into, [...(directories.get(name) ?? [])]);
    found.push(`${name}@${listings[from]?.layer}${layers > 0 ? `:${into}` : ''}`);
  }
  assert.is(found.length, count);
  return found.sort();
}

test('the topmost layer that has a name shows it', () => {
  assert.equal(shown(listing(7, 'a'), listing(3, 'a', 'b'), listing(5, 'b', 'c')), ['a@7', 'b@3', 'c@5']);
});

test('directories go on through the layers that have one', () => {
  assert.equal(shown(listing(7, 'd/'), listing(3), listing(5, 'd/')), ['d@7:7,5']);
});

test('what is no directory ends the descent, and hides what is below it', () => {
  assert.equal(shown(listing(1, 'd/'), listing(2, 'd'), listing(3, 'd/')), ['d@1:1']);
  assert.equal(shown(listing(1, 'd'), listing(2, 'd/')), ['d@1']);
});

test('a whiteout does not show, hides the layers below it, and ends a directory above it', () => {
  assert.equal(shown(listing(1, '!a'), listing(2, 'a', 'b')), ['b@2']);
  assert.equal(shown(listing(1, 'd/'), listing(2, '!d'), listing(3, 'd/')), ['d@1:1']);
  assert.equal(shown(listing(1, '!d'), listing(2, '!d'), listing(3, 'd')), []);
});

test('a name that an object has by accident is a name', () => {
  assert.equal(shown(listing(1, '__proto__', 'constructor/')), ['__proto__@1', 'constructor@1:1']);
});

test('marks of OCI are names, but where they are said to be marks', () => {
  const layers = [listing(1, '.wh.a', 'b', '.wh.b', 'd/', '.wh.d'), listing(2, 'a', 'b', 'c', 'd/')];
  assert.equal(shown(...layers), ['.wh.a@1', '.wh.b@1', '.wh.d@1', 'a@2', 'b@1', 'c@2', 'd@1:1,2']);
  rules.oci = true;
  try {
    assert.equal(shown(...layers), ['b@1', 'c@2', 'd@1:1']);
  } finally {
    rules.oci = false;
  }
});

test.run();
