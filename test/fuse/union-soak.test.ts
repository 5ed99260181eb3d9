// limit: 300s
/** Six seconds of what `npm run bench soak` does for half an hour. */
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';
import { soak } from './soak.ts';
import { noUnion } from './union.ts';

const test = suite('union: mixed load');

needs(test, noUnion)('eight processes see no error while a layer is swapped each second', async () => {
  const { rounds, operations, switches, errors } = await soak(6);
  assert.equal(errors, []);
  assert.ok(rounds > 8 && operations > 1000 && switches > 2, `${rounds} ${operations} ${switches}`);
});

test.run();
