import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { type ErrorCode, NanolinError } from '../../src/error/index.ts';
import { cli, layer, switchResult } from './fake.ts';

const exits: readonly (readonly [ErrorCode, number])[] = [
  ['io', 1],
  ['refused', 3],
  ['layer-missing', 4],
  ['busy', 5],
  ['needs-kernel', 8],
];

for (const [code, exit] of exits)
  test(`${code} exits ${exit} with message and hint on standard error`, async () => {
    const enable = async () => {
      throw new NanolinError(code, 'it does not go', 'do this');
    };
    const ran = await cli('enable a', { nanolin: { enable } });
    assert.is(ran.code, exit);
    assert.is(ran.err, 'nanolin: it does not go\n  hint: do this\n');
    assert.is(ran.out, '');
    assert.equal(ran.calls, [['close']]);
  });

test('a bug exits 70 and shows the stack of what was thrown', async () => {
  const broken = async () => {
    throw new TypeError('x is undefined');
  };
  const { code, err } = await cli('status', { nanolin: { status: broken } });
  assert.is(code, 70);
  assert.match(err, /^TypeError: x is undefined\n {4}at .*exit\.test\.ts/m);
});

const leftOut = [{ layer: 'bad', code: 'image-invalid', message: 'bad is cut short' }];

test('degraded exits 6 and names what is left out', async () => {
  const { code, out } = await cli('enable a', {
    nanolin: { enable: async () => ({ ...switchResult, leftOut }) },
  });
  assert.is(code, 6);
  assert.match(out, 'left out bad: bad is cut short (image-invalid)');
});

test('-q does not hide that it is degraded', async () => {
  const { out } = await cli('enable a -q', {
    nanolin: { enable: async () => ({ ...switchResult, leftOut }) },
  });
  assert.match(out, 'left out bad');
  assert.is((await cli('enable a -q')).out, '');
});

test('rolled back exits 7 and says why, also when a layer was left out', async () => {
  const rolledBack = { from: 5, code: 'script-failed', message: 'HEALTHY of web exited with 1' };
  const { code, out } = await cli('profile switch web', {
    nanolin: { profile: { switch: async () => ({ ...switchResult, leftOut, rolledBack }) } as never },
  });
  assert.is(code, 7);
  assert.match(out, 'rolled back to generation 4: generation 5 did not hold');
  assert.match(out, 'HEALTHY of web exited with 1');
});

test('already so exits 0', async () => {
  const { code, out } = await cli('enable a', {
    nanolin: { enable: async () => ({ ...switchResult, changed: false }) },
  });
  assert.is(code, 0);
  assert.is(out, 'already so: generation 4, profile web\n');
});

test('an image that is not what it was exits 3', async () => {
  const verify = async () => [{ layer, ok: false, message: 'the digest differs' }];
  const { code, out } = await cli('layer verify', { nanolin: { layer: { verify } as never } });
  assert.is(code, 3);
  assert.match(out, /^bad +jq +1\.6 +the digest differs$/m);
});

test('doctor exits 8 when something needed is missing, with the remedy', async () => {
  const checks = [{ what: 'overlay', ok: false, way: 'none', remedy: 'modprobe overlay' }];
  const { code, out } = await cli('doctor', {
    nanolin: { doctor: async () => ({ kernel: '6.1', ok: false, checks }) },
  });
  assert.is(code, 8);
  assert.match(out, 'to do: modprobe overlay');
});

test.run();
