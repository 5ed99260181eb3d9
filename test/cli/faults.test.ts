import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { faultAt } from '../../src/cli/faults.ts';

test('throws the errno at its point and nowhere else', () => {
  const at = faultAt('switch:intent:ENOSPC');
  at?.('switch:commit');
  assert.throws(
    () => at?.('switch:intent'),
    (error: NodeJS.ErrnoException) => error.code === 'ENOSPC',
  );
});

test('nothing is injected without the variable', () => {
  assert.is(faultAt(undefined), undefined);
  assert.is(faultAt(''), undefined);
});

test.run();
