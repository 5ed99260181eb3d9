import { main } from '../../src/cli/main.ts';
import { NanolinError } from '../../src/error/index.ts';
import { fakeNanolin } from './fake.ts';

/** `status` that ends when it is told to, after a clean-up that can be seen. With NANOLIN_TEST_DEAF it does not listen. */
await main(async ({ signal }) =>
  fakeNanolin([], {
    status: () =>
      new Promise((_done, fail) => {
        setInterval(() => {}, 1000);
        signal?.addEventListener('abort', () => {
          process.stderr.write('cleaning up\n');
          if (!process.env.NANOLIN_TEST_DEAF) fail(new NanolinError('cancelled', 'status was cancelled'));
        });
        process.stderr.write('ready\n');
      }),
  }),
);
