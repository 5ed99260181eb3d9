import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { unitIn } from '../../src/stack/unit.ts';

const cases: readonly (readonly [cgroup: string, unit: string | null])[] = [
  ['0::/system.slice/nginx.service\n', 'nginx.service'],
  ['0::/system.slice/docker.service/worker/1\n', 'docker.service'],
  ['0::/user.slice/user-0.slice/user@0.service/app.slice/app-x.service\n', 'app-x.service'],
  ['0::/system.slice/system-getty.slice/getty@tty1.service\n', 'getty@tty1.service'],
  ['0::/user.slice/user-0.slice/session-3.scope\n', null],
  ['0::/\n', null],
  ['12:cpu:/x.service\n1:name=systemd:/system.slice/ssh.service\n0::/\n', 'ssh.service'],
  ['0::/system.slice/a:b.service\n', 'a:b.service'],
  ['', null],
];
for (const [cgroup, unit] of cases)
  test(`${JSON.stringify(cgroup)} is of ${unit}`, () => assert.is(unitIn(cgroup), unit));

test.run();
