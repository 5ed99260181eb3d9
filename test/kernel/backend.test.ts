import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { chooseBackend } from '../../src/kernel/index.ts';
import { noSomebody, openSomebody, type Somebody } from '../layer/somebody.ts';
import { needs } from '../needs.ts';

const test = suite('who mounts');
const it = needs(test, noSomebody);

const script = `
  import { chooseBackend } from './src/kernel/index.ts';
  const { code, message, hint, ...found } = await chooseBackend(process.argv[1]).catch(error => error);
  console.log(JSON.stringify(code ? { code, message, hint } : found));
  process.exit(0);`;
const ask = (somebody: Somebody, wanted: string, ...before: readonly string[]) => {
  const node = [process.execPath, '--import', 'tsx', '--input-type=module', '-e', script, wanted];
  const { stdout, stderr } = somebody.as([...before, ...node]);
  return JSON.parse(stdout || `"${stderr}"`);
};
const inNamespace = ['unshare', '--user', '--map-root-user', '--mount'];

test('root: the kernel, with marks in trusted.overlay', async () => {
  assert.equal(await chooseBackend('auto'), {
    backend: 'kernel',
    userxattr: false,
    why: 'it is the faster one',
  });
  assert.equal(await chooseBackend('kernel'), { backend: 'kernel', userxattr: false, why: 'asked for' });
});

it('a user: FUSE, or the kernel in a user namespace, with marks in user.overlay', async () => {
  await using somebody = openSomebody();
  const fuse = ask(somebody, 'auto');
  assert.equal([fuse.backend, fuse.userxattr], ['fuse', true]);
  assert.match(fuse.why, 'EPERM');
  assert.equal(ask(somebody, 'fuse').why, 'asked for');
  const kernel = ask(somebody, 'auto', ...inNamespace);
  assert.equal([kernel.backend, kernel.userxattr], ['kernel', true]);
  assert.match(kernel.why, 'user namespace');
  assert.equal(ask(somebody, 'fuse', ...inNamespace).backend, 'fuse');
  assert.is(ask(somebody, 'kernel').code, 'needs-rights');
});

it('nothing works: what to do', async () => {
  await using somebody = openSomebody();
  const helpless = ask(somebody, 'auto', 'setpriv', '--no-new-privs');
  assert.is(helpless.code, 'needs-rights');
  assert.match(helpless.message, 'fusermount does not mount');
  assert.match(helpless.hint, 'no_new_privs');
  assert.match(helpless.hint, 'unshare --user');
});

test.run();
