// limit: 300s
import { suite } from 'uvu';
import { program, stackContract } from './stack-contract.ts';

const test = suite('unions in user space');
stackContract(test, 'fuse', { backend: 'fuse', program });
test.run();
