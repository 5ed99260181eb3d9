import { main } from '../../src/cli/main.ts';

/** The program as it is, from source. */
await main();
