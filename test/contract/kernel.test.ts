// limit: 300s
import { suite } from 'uvu';
import { stackContract } from './stack-contract.ts';

const test = suite('kernel overlay');
stackContract(test, 'kernel', {});
test.run();
