import { main } from '../../src/cli/main.ts';
import { fakeNanolin, status } from './fake.ts';

await main(async ({ at }) =>
  fakeNanolin([], {
    status: async () => {
      at?.('switch:intent');
      return status;
    },
  }),
);
