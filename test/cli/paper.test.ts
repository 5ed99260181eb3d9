import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { render, styled } from '../../src/cli/paper.ts';
import { cli, layer, switchResult } from './fake.ts';

const pipe = { terminal: false, colour: false };
const screen = { terminal: true, colour: true };

test('columns are aligned, the last one is not padded', () => {
  const table = {
    head: ['name', 'n'],
    rows: [
      ['a', '1'],
      ['longer', '22'],
      [styled('good', 'b'), ''],
    ],
  };
  assert.is(render([table], pipe), 'name    n\na       1\nlonger  22\nb\n');
});

test('a terminal is shown control characters, a pipe gets the bytes', () => {
  const name = 'a\x1b[2J\r\n\u202eb\u009b';
  assert.is(render([[name]], screen), 'a\\x1b[2J\\x0d\\x0a\\u202eb\\x9b\n');
  assert.is(render([[name]], pipe), `${name}\n`);
});

test('columns stay aligned where characters are escaped', () => {
  assert.is(
    render(
      [
        {
          rows: [
            ['\x07', 'x'],
            ['abcd', 'y'],
          ],
        },
      ],
      { terminal: true, colour: false },
    ),
    '\\x07  x\nabcd  y\n',
  );
});

test('colour on a terminal only, and not with NO_COLOR', async () => {
  assert.match((await cli('enable a', { terminal: true })).out, '\x1b[32menabled\x1b[0m');
  assert.not.match((await cli('enable a', { terminal: true, env: { NO_COLOR: '1' } })).out, '\x1b');
  assert.not.match((await cli('enable a')).out, '\x1b');
});

test('names from layers cannot draw on the terminal', async () => {
  const hostile = { ...layer, origin: 'x\x1b]0;owned\x07' };
  const { out } = await cli('layer list', {
    terminal: true,
    env: { NO_COLOR: '1' },
    nanolin: { layer: { list: async () => [hostile] } as never },
  });
  assert.match(out, 'x\\x1b]0;owned\\x07');
  assert.not.match(out, '\x1b');
});

test('a switch says generation, paths, times, gap and holders', async () => {
  const holders = [
    {
      pid: 42,
      command: 'nginx',
      generation: 3,
      paths: ['/usr/sbin/nginx', 'b', 'c', 'd'],
      holds: [],
      unit: 'nginx.service',
    },
  ];
  const { out } = await cli('enable a', {
    nanolin: { enable: async () => ({ ...switchResult, gap: true, holders }) },
  });
  assert.is(out.split('\n')[0], 'enabled: generation 4 (was 3), profile web, 4.00 ms');
  assert.match(out, /^ {2}paths +\+10 -2 ~1$/m);
  assert.match(out, /^ {2}time +plan 1\.50 ms, prepare 2\.25 ms, swap 0\.13 ms$/m);
  assert.match(out, /^ {2}gap +yes/m);
  assert.match(out, 'still on an old stack: restart them to free it');
  assert.match(out, /^ {2}42 +nginx \(nginx\.service\) +3 +\/usr\/sbin\/nginx b c and 1 more$/m);
});

test.run();
