import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { compareStamps, formatStamp, parseStamp, stampTooNew } from '../../src/formats/index.ts';
import { refuses } from './throws.ts';

const second = fc
  .integer({ min: Date.UTC(2000, 0, 1) / 1000, max: Date.UTC(2099, 11, 31, 23, 59, 59) / 1000 })
  .map(seconds => new Date(seconds * 1000));

test('a stamp is year.month, then day hour minute second in UTC', () => {
  assert.equal(parseStamp('r26.11-G22095100'), {
    stamp: 'r26.11-G22095100',
    time: new Date('2026-11-22T09:51:00Z'),
  });
});

test('a moment survives the stamp to the second, and stamps sort as their moments', () => {
  fc.assert(
    fc.property(second, second, (a, b) => {
      assert.equal(parseStamp(formatStamp(a))?.time, a);
      assert.is(compareStamps(formatStamp(a), formatStamp(b)), Math.sign(a.getTime() - b.getTime()));
    }),
  );
});

test('dates that do not exist are no stamps', () => {
  for (const bad of [
    'r26.13-G01000000',
    'r26.00-G01000000',
    'r26.11-G31000000',
    'r26.11-G00000000',
    'r26.02-G29000000',
    'r26.11-G22240000',
    'r26.11-G22096000',
    'r26.11-G22095960',
    'r26.11-G2209510',
    'R26.11-G22095100',
    'r26.11-G22095100\n',
    '',
  ])
    assert.is(parseStamp(bad), null, bad);
  assert.ok(parseStamp('r28.02-G29000000'), 'a leap day');
});

test('a stamp may be an hour ahead and no more; what is no stamp is too new', () => {
  const stamp = 'r26.11-G22095100';
  const time = Date.UTC(2026, 10, 22, 9, 51, 0);
  assert.not.ok(stampTooNew(stamp, new Date(time - 3_600_000)));
  assert.ok(stampTooNew(stamp, new Date(time - 3_600_001)));
  assert.ok(stampTooNew('r26.13-G22095100', new Date(time)));
});

test('a clock at 1970 or past 2099 stamps nothing', () => {
  refuses('refused', 'the year 1970', () => formatStamp(new Date(0)));
  refuses('refused', 'the year 2100', () => formatStamp(new Date('2100-01-01')));
  refuses('refused', 'an invalid date', () => formatStamp(new Date(Number.NaN)));
});

test.run();
