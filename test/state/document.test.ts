import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { NanolinError } from '../../src/error/index.ts';
import { DamagedState, document, setAside, sweepStaged } from '../../src/state/index.ts';

const test = suite<{ directory: string; file: string }>('a durable document');
test.before.each(context => {
  context.directory = mkdtempSync(join(tmpdir(), 'nanolin-document-'));
  context.file = join(context.directory, 'state.json');
});
test.after.each(({ directory }) => rmSync(directory, { recursive: true }));

const open = (file: string, schema = 1) =>
  document<{ list: number[] }>(file, { schema, empty: { list: [] } });

test('reads as empty before it was written, and what was written after', ({ file }) => {
  assert.equal(open(file).read().list, []);
  open(file).write({ list: [1, 2] });
  assert.equal(open(file).read().list, [1, 2]);
  assert.equal(JSON.parse(readFileSync(file, 'utf8')), { list: [1, 2], schema: 1 });
});

test('does not share its empty value between readers', ({ file }) => {
  const one = open(file).read();
  one.list.push(7);
  assert.equal(open(file).read().list, []);
});

test('stages beside the old value, which stands until the commit', ({ directory, file }) => {
  open(file).write({ list: [1] });
  {
    using staged = open(file).stage({ list: [2] });
    assert.equal(open(file).read().list, [1]);
    staged.commit();
  }
  assert.equal(open(file).read().list, [2]);
  {
    using _dropped = open(file).stage({ list: [3] });
  }
  assert.equal([open(file).read().list, readdirSync(directory)], [[2], ['state.json']]);
});

test('sweeps what a crash left staged', ({ directory, file }) => {
  writeFileSync(join(directory, '.state.json.new'), 'half');
  open(file).write({ list: [1] });
  writeFileSync(join(directory, '.other.json.new'), 'half');
  sweepStaged(directory);
  assert.equal(readdirSync(directory), ['state.json']);
});

for (const [what, text] of Object.entries({
  torn: '{"list":[1',
  empty: '',
  'no object': 'null',
  'no schema': '{"list":[1]}',
}))
  test(`reports a damaged file and can set it aside: ${what}`, ({ directory, file }) => {
    writeFileSync(file, text);
    assert.throws(
      () => open(file).read(),
      (error: unknown) =>
        error instanceof DamagedState && error.file === file && error.code === 'state-corrupt',
    );
    assert.is(readFileSync(file, 'utf8'), text);
    setAside(file, new Date(0));
    assert.equal(readdirSync(directory), ['state.json.corrupt-1970-01-01T000000000Z']);
    assert.equal(open(file).read().list, []);
  });

test('refuses what a newer version wrote, and leaves it where it is', ({ file }) => {
  open(file, 2).write({ list: [1] });
  assert.throws(
    () => open(file, 1).read(),
    (error: unknown) => error instanceof NanolinError && error.code === 'state-future' && error.exit === 3,
  );
  assert.equal(open(file, 2).read().list, [1]);
});

test.run();
