import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { importLayer } from '../../src/layer/index.ts';
import { newKey, signFiles } from '../../src/trust/index.ts';
import { openStore, type TestStore } from '../layer/store.ts';

/** A place with a key of its own that makes packages. */
export interface Publisher extends Disposable {
  readonly store: TestStore;
  /** Its .pub file. */
  readonly key: string;
  /** Makes NAME.img and NAME.lst of these files in a new directory; the path without suffix. Not signed yet. */
  make(name: string, files: Readonly<Record<string, string>>, into?: string): Promise<string>;
  /** The same, signed. */
  publish(name: string, files: Readonly<Record<string, string>>, into?: string): Promise<string>;
  sign(stem: string): Promise<string>;
}

export const password = () => Promise.reject(new Error('nobody is asked'));

export async function openPublisher(keyName = 'vendor'): Promise<Publisher> {
  const store = openStore();
  const { ctx, scratch } = store;
  await newKey(ctx, keyName, { password: null });
  let count = 0;
  const publisher: Publisher = {
    store,
    key: join(ctx.paths.keys, `${keyName}.pub`),
    async make(name, files, into = join(scratch, `out${count++}`)) {
      const tree = join(scratch, `tree${count++}`);
      for (const [path, content] of Object.entries(files)) {
        mkdirSync(join(tree, path, '..'), { recursive: true });
        writeFileSync(join(tree, path), content, { mode: 0o755 });
      }
      mkdirSync(into, { recursive: true });
      const [layer] = await importLayer(ctx, tree, { name, version: '1.0' });
      if (!layer) throw new Error('nothing was made');
      const stem = layer.image.replace(/\.img$/, '');
      for (const suffix of ['img', 'lst'])
        copyFileSync(join(ctx.paths.layers, `${stem}.${suffix}`), join(into, `${stem}.${suffix}`));
      return join(into, stem);
    },
    async publish(name, files, into) {
      const stem = await publisher.make(name, files, into);
      await publisher.sign(stem);
      return stem;
    },
    async sign(stem) {
      const [signature = ''] = await signFiles(ctx, [stem], { key: keyName, password });
      return signature;
    },
    [Symbol.dispose]: () => store[Symbol.dispose](),
  };
  return publisher;
}
