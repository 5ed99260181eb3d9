import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { logTo } from '../../src/cli/log.ts';

function logged(terminal: boolean): string {
  let text = '';
  const log = logTo({
    terminal,
    columns: 80,
    write(more) {
      text += more;
    },
  });
  log.info({ layer: 'j\x1bq', size: 3 }, 'attached');
  return text;
}

test('JSON, one object a line, where no terminal is', () => {
  const { msg, layer, size, level } = JSON.parse(logged(false));
  assert.equal({ msg, layer, size, level }, { msg: 'attached', layer: 'j\x1bq', size: 3, level: 30 });
});

test('a line for people on a terminal, without control characters of others', () => {
  assert.match(logged(true), /^\d\d:\d\d:\d\d\.\d{3} info {2}attached layer=j\\x1bq size=3\n$/);
});

test.run();
