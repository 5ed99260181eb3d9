import { createHash } from 'node:crypto';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import {
  buildPathIndex,
  openPathIndex as openFromOutside,
  type PathSource,
} from '../../src/ownership/index.ts';
import { BlockWriter } from '../../src/ownership/path-index/block.ts';
import { pathKey } from '../../src/ownership/path-index/keys.ts';
import { mergeKeys } from '../../src/ownership/path-index/merge.ts';
import { openPathIndex } from '../../src/ownership/path-index/open.ts';
import { Runs } from '../../src/ownership/path-index/runs.ts';
import { printTrailer } from '../../src/ownership/path-index/trailer.ts';
import { digestOf, printName } from '../../src/ownership/path-index/tree.ts';
import { refuses } from '../formats/throws.ts';
import { refusal } from '../layer/store.ts';

const test = suite<{ dir: string; file: string }>('path index');
const digest = 'ab'.repeat(32);

test.before.each(context => {
  context.dir = mkdtempSync(join(tmpdir(), 'nanolin-index-'));
  context.file = join(context.dir, 'paths');
});
test.after.each(({ dir }) => rmSync(dir, { recursive: true, force: true }));

const owner = (layer: string, version = '1') => ({ layer, version });

type Packages = Readonly<Record<string, readonly string[]>>;
const sourcesOf = (packages: Packages): PathSource[] =>
  Object.entries(packages).map(([layer, paths]) => ({ owner: owner(layer), paths }));

async function build(file: string, packages: Packages): Promise<void> {
  await buildPathIndex(file, sourcesOf(packages), { digest });
}

/** A few thousand paths as packages have them: enough for several blocks and a level above them. */
function manyPackages(): Packages {
  const packages: Record<string, string[]> = {};
  for (let p = 0; p < 40; p++) {
    const paths = ['', 'usr', 'usr/share', 'usr/share/doc', `usr/share/doc/p${p}`];
    for (let f = 0; f < 100; f++) {
      const noise = createHash('sha256').update(`${p} ${f}`).digest('hex').slice(0, 30);
      paths.push(`usr/share/doc/p${p}/${noise}`);
    }
    packages[`p${p}`] = paths;
  }
  return packages;
}

function expected(packages: Packages): Map<string, string[]> {
  const owners = new Map<string, string[]>();
  for (const [layer, paths] of Object.entries(packages))
    for (const path of new Set(paths)) owners.set(path, [...(owners.get(path) ?? []), layer]);
  return owners;
}

const layers = (owners: readonly { layer: string }[]) => owners.map(({ layer }) => layer);
const byBytes = (paths: Iterable<string>) => [...paths].sort();

test('a path is answered with all who bring it, in the order of the sources, and nothing else is', async ({
  file,
}) => {
  await buildPathIndex(
    file,
    [
      { owner: owner('web', '2.0'), paths: ['', 'usr', 'usr/a', 'usr/a.b', 'usr/a/c'] },
      { owner: owner('web', '1.0'), paths: ['', 'usr', 'usr/a'] },
      { owner: owner('odd'), paths: ['usr', 'usr/\xff\xfe \n', 'usr/é', 'a'] },
    ],
    { digest },
  );
  using index = await openFromOutside(file);
  assert.is(index.digest, digest);
  assert.equal(index.lookup('usr/a'), [owner('web', '2.0'), owner('web', '1.0')]);
  assert.equal(index.lookup('usr/\xff\xfe \n'), [owner('odd')]);
  assert.equal(layers(index.lookup('usr')), ['web', 'web', 'odd']);
  assert.equal(layers(index.lookup('')), ['web', 'web']);
  for (const path of ['us', 'usr/', '/usr', 'usr/a.', 'usr/a/c/d', '\0', 'zz', '\0\0\0\0\0'])
    assert.equal(index.lookup(path), [], path);
});

test('below a directory is what its name and a slash begin, and not its neighbours', async ({ file }) => {
  await build(file, {
    one: ['', 'usr', 'usr/a', 'usr/a.b', 'usr/a/c', 'usr/a0'],
    two: ['usr/a/b', 'usr/a/b/c'],
  });
  using index = openPathIndex(file);
  const below = (directory: string) => [...index.below(directory)].map(({ path }) => path);
  assert.equal(below('usr/a'), ['usr/a/b', 'usr/a/b/c', 'usr/a/c']);
  assert.is(below('').length, 7);
  assert.equal(below('usr/a0'), []);
  assert.equal(below('nothing'), []);
  assert.equal(layers([...index.below('usr/a/b')][0]?.owners ?? []), ['two']);
});

test('any set of paths, in any order, is found again, each with its owners', async ({ file }) => {
  const name = fc
    .array(fc.oneof(fc.integer({ min: 1, max: 255 }), fc.constantFrom(0x2e, 0x61, 0x62)), {
      minLength: 1,
      maxLength: 6,
    })
    .map(bytes => Buffer.from(bytes).toString('latin1'));
  const path = fc.array(name, { maxLength: 4 }).map(names => names.join('/'));
  const packages = fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), fc.array(path, { maxLength: 40 }), {
    maxKeys: 12,
    noNullPrototype: true,
  });
  await fc.assert(
    fc.asyncProperty(packages, fc.array(path, { maxLength: 20 }), async (some, others) => {
      await build(file, some);
      const model = expected(some);
      using index = openPathIndex(file);
      for (const path of [...model.keys(), ...others])
        assert.equal(layers(index.lookup(path)), model.get(path) ?? []);
      assert.equal(
        [...index.below('')].map(({ path }) => path),
        byBytes(model.keys()).filter(path => path !== ''),
      );
    }),
    { numRuns: 60 },
  );
});

test('several blocks and levels answer as one', async ({ file }) => {
  const packages = manyPackages();
  await build(file, packages);
  const model = expected(packages);
  using index = openPathIndex(file);
  for (const [path, owners] of model) assert.equal(layers(index.lookup(path)), owners);
  const found = [...index.below('usr/share/doc/p7')].map(({ path }) => path);
  assert.equal(found, byBytes(packages.p7 ?? []).slice(5));
  assert.is([...index.below('')].length, model.size - 1);
});

test('a directory that hundreds bring is answered with all of them, and only them', async ({ file }) => {
  const packages = Object.fromEntries(
    Array.from({ length: 2000 }, (_, n) => [`p${n}`, n % 3 === 0 ? ['usr', 'third'] : ['usr']]),
  );
  await build(file, packages);
  using index = openPathIndex(file);
  assert.equal(layers(index.lookup('usr')), Object.keys(packages));
  assert.equal(
    layers(index.lookup('third')),
    Object.keys(packages).filter((_, n) => n % 3 === 0),
  );
});

test('what does not fit into memory is spilled, and merged to the same', ({ dir }) => {
  const pair = fc.tuple(fc.stringMatching(/^[a-c/]{0,5}$/), fc.nat(300));
  fc.assert(
    fc.property(fc.array(pair, { maxLength: 300 }), fc.integer({ min: 20, max: 400 }), (pairs, runSize) => {
      const model = new Map<string, number[]>();
      using runs = new Runs(join(dir, 'runs'), runSize);
      for (const [key, owner] of pairs) {
        runs.add(key, owner);
        model.set(key, [...(model.get(key) ?? []), owner]);
      }
      const found = [...mergeKeys(runs.sorted())].map(({ key, owners }) => [key, owners]);
      const wanted = byBytes(model.keys()).map(key => [
        key,
        [...new Set(model.get(key))].sort((a, b) => a - b),
      ]);
      assert.equal(found, wanted);
      assert.equal(readdirSync(dir), []);
    }),
    { numRuns: 100 },
  );
});

test('paths may come as they are read', async ({ file }) => {
  async function* slowly(): AsyncGenerator<string> {
    yield 'b';
    yield 'a';
  }
  await buildPathIndex(file, [{ owner: owner('slow'), paths: slowly() }], { digest });
  using index = openPathIndex(file);
  assert.equal(layers(index.lookup('a')), ['slow']);
});

test('a build that ends early leaves the old index and nothing else', async ({ dir, file }) => {
  await build(file, { old: ['a'] });
  const before = readFileSync(file);
  function* breaking(): Generator<string> {
    yield 'b';
    throw new Error('the disk is gone');
  }
  const broken = buildPathIndex(file, [{ owner: owner('new'), paths: breaking() }], { digest });
  assert.is((await refusal(broken)).code, 'bug');

  const stop = new AbortController();
  function* endless(): Generator<string> {
    for (let n = 0; ; n++) {
      if (n === 10_000) stop.abort();
      yield `b/${n}`;
    }
  }
  const stopped = buildPathIndex(file, [{ owner: owner('new'), paths: endless() }], {
    digest,
    signal: stop.signal,
  });
  assert.is((await refusal(stopped)).code, 'cancelled');
  assert.equal(readdirSync(dir), ['paths']);
  assert.ok(readFileSync(file).equals(before));
});

test('who has an index open goes on with it when another takes its place', async ({ file }) => {
  await build(file, { old: ['a'] });
  using index = openPathIndex(file);
  await build(file, { new: ['a'] });
  assert.equal(layers(index.lookup('a')), ['old']);
  using next = openPathIndex(file);
  assert.equal(layers(next.lookup('a')), ['new']);
});

test('a path that no manifest may hold is refused', async ({ file }) => {
  for (const path of ['a\0b', 'a\u0100', 'x'.repeat(4096)]) {
    const error = await refusal(build(file, { bad: [path] }));
    assert.is(error.code, 'image-invalid');
    assert.match(error.message, 'bad');
  }
  await build(file, { good: ['x'.repeat(4095)] });
  using index = openPathIndex(file);
  assert.equal(layers(index.lookup('x'.repeat(4095))), ['good']);
});

test('an index with a changed byte tells so, or the answer is right all the same', async ({ file }) => {
  const packages = manyPackages();
  await build(file, packages);
  const model = [...expected(packages)].filter((_, at) => at % 40 === 0);
  const good = readFileSync(file);
  let told = 0;
  const changes = Math.ceil(good.length / 23);
  for (let at = 0; at < good.length; at += 23) {
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(at) ^ (1 << (at % 8)), at);
    writeFileSync(file, bad);
    if (answersRightOrTells(file, model)) told++;
  }
  assert.ok(told > changes * 0.9, `${told} of ${changes} changes were met`);
});

test('an index that is cut, prolonged or put together from blocks in the wrong place tells so', async ({
  file,
}) => {
  const packages = manyPackages();
  await build(file, packages);
  const model = [...expected(packages)].filter((_, at) => at % 40 === 0);
  const good = readFileSync(file);
  for (let length = 0; length < good.length; length += 501) {
    truncateSync(file, 0);
    writeFileSync(file, good.subarray(0, length));
    refuses('state-corrupt', file, () => openPathIndex(file));
  }
  writeFileSync(file, Buffer.concat([good, Buffer.alloc(1)]));
  refuses('state-corrupt', 'its end is missing', () => openPathIndex(file));
  // Another index of the same length, with this one's end.
  const turned = Buffer.concat([good.subarray(4096, 8192), good.subarray(0, 4096), good.subarray(8192)]);
  writeFileSync(file, turned);
  assert.ok(answersRightOrTells(file, model));
});

/** True where the damage was told. */
function answersRightOrTells(
  file: string,
  model: readonly (readonly [string, readonly string[]])[],
): boolean {
  try {
    using index = openPathIndex(file);
    for (const [path, owners] of model) assert.equal(layers(index.lookup(path)), owners);
    return index.digest !== digest;
  } catch (error) {
    refuses('state-corrupt', file, () => {
      throw error;
    });
    return true;
  }
}

test('a file that was made to be wrong, digests and all, is refused and not obeyed', ({ file }) => {
  const forged = (block: Buffer, height = 0, deflated = deflateRawSync(block)) => {
    const root = { offset: 0, length: deflated.length, digest: digestOf(deflated), height };
    writeFileSync(file, Buffer.concat([deflated, printTrailer({ digest, root })]));
    return () => {
      using index = openPathIndex(file);
      index.lookup('a');
      for (const _ of index.below('')) void _;
    };
  };
  const block = (...entries: [string, Buffer][]) => {
    const writer = new BlockWriter(64);
    for (const [path, value] of entries) writer.add(pathKey(path), value);
    return Buffer.from(writer.take());
  };
  const nobody = Buffer.from([5]);
  const bad = (words: string, work: () => unknown) => refuses('state-corrupt', words, work);
  bad('malformed', forged(Buffer.alloc(0), 0, Buffer.from('no deflate stream')));
  bad('malformed', forged(Buffer.alloc(17 * 2 ** 20)));
  bad('malformed', forged(block(['b', nobody], ['a', nobody])));
  bad('malformed', forged(block(['a', nobody], ['a', nobody])));
  bad('malformed', forged(Buffer.from([1, 1, 0, 0x61])));
  bad('malformed', forged(Buffer.from([0, 0x80, 0x80])));
  bad('malformed', forged(Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0])));
  bad('malformed', forged(Buffer.from([0, 1, 9, 0x2f])));
  bad('names owner 5', forged(block(['a', nobody])));
  bad('names owner', forged(block(['a', Buffer.from([0x80])])));
  bad('names owner', forged(block(['a', Buffer.alloc(300, 1)])));
  bad('names owner', forged(block(['a', Buffer.alloc(300, 0xff)])));
  bad('names no other', forged(block(['', nobody]), 1));
  const outside = printName({ offset: 2 ** 40, length: 10, digest: Buffer.alloc(16) });
  bad('ends before byte', forged(block(['', outside]), 1));
  bad('is no path index', forged(block(['a', nobody]), 200));
});

test('what is no index at all is refused', async ({ dir, file }) => {
  refuses('io', 'ENOENT', () => openPathIndex(file));
  refuses('io', 'EISDIR', () => openPathIndex(dir));
  symlinkSync('/dev/zero', join(dir, 'link'));
  refuses('io', 'ELOOP', () => openPathIndex(join(dir, 'link')));
  refuses('state-corrupt', '/dev/zero', () => openPathIndex('/dev/zero'));
  writeFileSync(file, 'x'.repeat(5000));
  refuses('state-corrupt', file, () => openPathIndex(file));
});

test.run();
