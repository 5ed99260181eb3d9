import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { parseMountinfo } from '../../src/kernel/index.ts';
import { viewsThatStayed, viewsToStay } from '../../src/stack/old-view.ts';
import type { MountRecord } from '../../src/stack/record.ts';

const source = 'nanolin-1-0123456789ab';
const stack: MountRecord = {
  target: '/usr',
  identity: { id: 2, unique: null, root: true, type: 'dir' },
  type: 'overlay',
  source,
  key: '',
  generation: 1,
  upper: null,
};

/** `ID PARENT ROOT POINT TAGS SOURCE`, as mountinfo has them. */
function view(namespace: number, ...lines: readonly string[]) {
  const text = lines.map(line => {
    const [id, parent, root, point, tags = '', from = 'x'] = line.split(' ');
    const type = from.startsWith('nanolin') ? 'overlay' : 'ext4';
    return `${id} ${parent} 0:1 ${root} ${point} rw ${tags === '-' ? '' : `${tags.replaceAll(',', ' ')} `}- ${type} ${from} rw\n`;
  });
  return { namespace, pid: namespace, command: 'c', mounts: parseMountinfo(text.join('')) };
}

const here = view(1, '1 0 / / shared:1', `2 1 / /usr shared:2 ${source}`, '3 2 / /usr/local shared:3');
const kept = (...others: ReturnType<typeof view>[]) =>
  viewsToStay([here, ...others], [stack]).map(({ namespace, nested }) => [namespace, ...nested]);

test('a slave and a peer follow, also a slave of a slave', () => {
  const slave = view(
    2,
    '11 0 / / master:1,shared:5',
    `12 11 / /usr master:2 ${source}`,
    '13 12 / /usr/local master:3',
  );
  const peer = view(3, '21 0 / / shared:1', `22 21 / /usr shared:2 ${source}`, '23 22 / /usr/local shared:3');
  const second = view(4, '31 0 / / master:5', `32 31 / /usr - ${source}`);
  assert.equal(kept(slave, peer, second), []);
});

test('a mount that no propagation reaches stays', () => {
  assert.equal(kept(view(2, '11 0 / / -', `12 11 / /usr - ${source}`)), [[2]]);
  assert.equal(kept(view(2, '11 0 / / shared:9', `12 11 / /usr - ${source}`)), [[2]]);
  // At another place of a mount that is reached.
  assert.equal(kept(view(2, '11 0 / / master:1', `12 11 / /mnt master:2 ${source}`)), [[2]]);
});

test('the same place under another name follows', () => {
  assert.equal(kept(view(2, '11 0 /usr /x master:1', `12 11 / /x master:2 ${source}`)), []);
  assert.equal(kept(view(2, '11 0 /other /x master:1', `12 11 / /x master:2 ${source}`)), [[2]]);
});

test('what is mounted inside holds it, unless it is mounted inside here as well', () => {
  const lines = ['11 0 / / master:1', `12 11 / /usr master:2 ${source}`, '13 12 / /usr/local master:3'];
  assert.equal(kept(view(2, ...lines, '14 12 / /usr/share -')), [[2, '/usr/share']]);
  assert.equal(kept(view(2, ...lines, '14 13 / /usr/local/deep -')), [[2, '/usr/local/deep']]);
  // A copy that takes nothing over from ours keeps what ours loses.
  const own = ['11 0 / / master:1', `12 11 / /usr - ${source}`, '13 12 / /usr/local -'];
  assert.equal(kept(view(2, ...own)), [[2, '/usr/local']]);
});

test('a mount over the whole stack hides it, and a bind of the stack over itself keeps it', () => {
  const lines = ['11 0 / / master:1', `12 11 / /usr master:2 ${source}`, '13 12 / /usr/local master:3'];
  assert.equal(kept(view(2, ...lines, '14 12 / /usr -')), []);
  assert.equal(kept(view(2, ...lines, `14 12 / /usr master:2 ${source}`)), [[2]]);
});

test('after the switch all that is still there counts, once a namespace', () => {
  const left = view(
    2,
    '11 0 / / -',
    `12 11 / /usr - ${source}`,
    `13 11 / /mnt - ${source}`,
    '14 13 / /mnt/local -',
  );
  assert.equal(viewsThatStayed([here, left], [stack, { ...stack, target: '/usr' }]), [
    { namespace: 2, pid: 2, command: 'c', target: '/usr', generation: 1, nested: ['/mnt/local'] },
  ]);
});

test.run();
