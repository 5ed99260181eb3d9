// limit: 400s
import { suite } from 'uvu';
import { program } from '../contract/stack-contract.ts';
import { killEverywhere } from './kill.ts';

const test = suite('SIGKILL at step boundaries, over unions in user space');
const options = { backend: 'fuse', program } as const;
const shown = ['old', 'new'];
/** Where something begins or ceases to be there. */
const moments = /^union:|^loop:|intended|swapped|committed/;

test('the controller, when unions show the next stack inside of them', () =>
  killEverywhere(['switch', 'new'], shown, { options }));

test('their own processes, and the switch goes on', () =>
  killEverywhere(['switch', 'new'], shown, { options, victim: 'servers', at: moments }));

test('all of them', () =>
  killEverywhere(['switch', 'new'], shown, { options, victim: 'both', at: /^union:commit|intended/ }));

test('when the first unions are mounted', () =>
  killEverywhere(['switch', 'old'], ['old'], {
    options,
    before: nanolin => nanolin.rollback(0),
    at: moments,
  }));

test('when a stack moves from the kernel to unions', () =>
  killEverywhere(['switch', 'new'], shown, { options, from: { backend: 'kernel' }, at: moments }));

test('when it moves back', () =>
  killEverywhere(['switch', 'new'], shown, {
    options: { backend: 'kernel' },
    from: options,
    at: /^loop:|intended|swapped/,
  }));

test.run();
