import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { progressLine } from '../../src/cli/progress.ts';
import { cli } from './fake.ts';

function screen(columns = 80) {
  const written: string[] = [];
  return { written, terminal: true, columns, write: (text: string) => void written.push(text) };
}

test('one line, rewritten, at most ten times a second', () => {
  const sink = screen();
  let now = 0;
  const line = progressLine(sink, () => now);
  for (let done = 0; done <= 1000; done += 10) {
    now = done / 2;
    line.report({ task: 'hash', subject: 'jq', done, total: 1000 });
  }
  line.clear();
  assert.equal(sink.written.slice(0, 2), ['\rhash jq 0 %\x1b[K', '\rhash jq 20 %\x1b[K']);
  assert.is(sink.written.length, 7);
  assert.is(sink.written.at(-1), '\r\x1b[K');
});

test('a new task is shown at once, and the line never wraps', () => {
  const sink = screen(10);
  const line = progressLine(sink, () => 0);
  line.report({ task: 'a', subject: 'x' });
  line.report({ task: 'b', subject: 'very long name\x1b[2J' });
  assert.equal(sink.written, ['\ra x\x1b[K', '\rb very lo\x1b[K']);
});

test('none in a pipe, under -q or beside logs', async () => {
  assert.type((await cli('status', { terminal: true })).opened?.progress, 'function');
  assert.is((await cli('status')).opened?.progress, undefined);
  assert.is((await cli('status -q', { terminal: true })).opened?.progress, undefined);
  assert.is((await cli('status -v', { terminal: true })).opened?.progress, undefined);
});

test('-v logs JSON to a pipe and a line to a terminal, to standard error', async () => {
  const piped = await cli('status -v');
  assert.is(piped.out, (await cli('status')).out);
  assert.is((await cli('status')).opened?.log, undefined);
  assert.type(piped.opened?.log?.info, 'function');
});

test.run();
