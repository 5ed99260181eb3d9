// limit: 120s
/**
 * The real mount(8) with type fuse.nanolin: by /sbin/mount.fuse.nanolin, by fuse3's mount.fuse with `nanolin` on PATH, from fstab, as an ordinary
 * user. It hands neither PATH nor HOME to what it calls.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { calledAs } from '../../src/cli/called-as.ts';
import { parseUnionOptions } from '../../src/fuse/options.ts';
import { needs } from '../needs.ts';
import { inNamespaces, ordinaryUser, whatIsLeft } from './namespaces.ts';
import { noUnion } from './union.ts';

const test = suite('union: mount(8)');
const stayedOnPath = ['/usr/bin/node', '/bin/node'].includes(process.execPath) ? null : 'node in /usr/bin';
const it = needs(test, noUnion ?? stayedOnPath);

/** `over DIRECTORY`: what is written to a directory of the machine is written to a union over it, which this namespace alone has. */
const stage = `
${ordinaryUser}
over() {
  mkdir -p "/mnt/over$1/upper" "/mnt/over$1/work"
  mount -t overlay over -o "lowerdir=$1,upperdir=/mnt/over$1/upper,workdir=/mnt/over$1/work" "$1"
}
helper() { over /usr/sbin; ln -s /mnt/nanolin/dist/nanolin.js /usr/sbin/mount.fuse.nanolin; }
shown() { findmnt -rn -o FSTYPE,SOURCE,OPTIONS /mnt/t | sed 's/,relatime,.*//'; cat /mnt/t/a /mnt/t/b; }
mkdir /mnt/t /mnt/u /mnt/w /mnt/l2 "/mnt/l w,o:1"
echo one > "/mnt/l w,o:1/a"
echo two > /mnt/l2/b
layers='lowerdir=/mnt/l w\\,o\\:1:/mnt/l2'
upper=upperdir=/mnt/u,workdir=/mnt/w
`;
const left = `\necho "# left"\n${whatIsLeft}`;

function staged(script: string): Record<string, string[]> {
  const scratch = mkdtempSync(join(tmpdir(), 'nanolin-mount-'));
  try {
    return inNamespaces(scratch, stage + script + left);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

const forOthers = 'noauto,nofail,_netdev,x-systemd.automount,comment=x,nodev';

for (const [way, installed] of [
  ['/sbin/mount.fuse.nanolin', 'helper'],
  [
    'mount.fuse of fuse3 and nanolin on PATH',
    'over /usr/local/bin; ln -s /mnt/nanolin/dist/nanolin.js /usr/local/bin/nanolin',
  ],
] as const)
  it(`mount -t fuse.nanolin, by ${way}`, () => {
    const said = staged(`
      ${installed}
      mount -t fuse.nanolin web /mnt/t -o "$layers,$upper,${forOthers}"
      echo "# writable"
      shown
      echo new > /mnt/t/new
      umount /mnt/t
      cat /mnt/u/new
      mount -t fuse.nanolin web /mnt/t -o "$layers"
      echo "# read-only"
      shown
      umount /mnt/t
      echo "# failed"
      code=0; mount -t fuse.nanolin web /mnt/t -o lowerdir=/none 2>&1 || code=$?
      echo $code
      code=0; mount -t fuse.nanolin web /mnt/t -o lowerdir=/mnt/l2,colour=red 2>&1 || code=$?
      echo $code`);
    assert.equal(said, {
      writable: ['fuse.nanolin web rw,nodev', 'one', 'two', 'new'],
      'read-only': ['fuse.nanolin web ro', 'one', 'two'],
      failed: [
        'nanolin: the layer /none cannot be opened',
        '32',
        'nanolin: the option colour=red is not known',
        '  hint: nanolin union -o lowerdir=A:B[,upperdir=U,workdir=W] TARGET',
        '1',
      ],
      left: [],
    });
  });

it('a line of fstab mounts it, for root and for the user whom it is for', () => {
  const said = staged(`
    helper
    set -f
    line="web /mnt/t fuse.nanolin $(printf %s "$layers" | sed 's/ /\\\\040/'),$upper,userxattr,noauto,user,nofail,x-systemd.requires=x 0 0"
    printf '%s\\n' "$line" > /mnt/fstab
    mount --bind /mnt/fstab /etc/fstab
    mount /mnt/t
    echo "# root"
    shown
    umount /mnt/t
    chown 4321 /mnt/u /mnt/w /mnt/t
    rm -rf /mnt/w/work
    as_user mount /mnt/t
    echo "# user"
    as_user cat /mnt/t/a
    as_user sh -c 'echo new > /mnt/t/new; stat -c %u /mnt/t/new'
    findmnt -rn -o OPTIONS /mnt/t
    as_user umount /mnt/t
    cat /mnt/u/new`);
  assert.equal(said, {
    root: ['fuse.nanolin web rw,nosuid,nodev,noexec', 'one', 'two'],
    user: [
      'one',
      '4321',
      'rw,nosuid,nodev,noexec,relatime,user_id=4321,group_id=4321,default_permissions',
      'new',
    ],
    left: [],
  });
});

it('mount -f mounts nothing; a remount is the kernel’s alone', () => {
  const said = staged(`
    helper
    mount -f -t fuse.nanolin web /mnt/t -o lowerdir=/mnt/l2
    echo "# fake"
    ls /mnt/t
    mount -t fuse.nanolin web /mnt/t -o "$layers,$upper"
    echo "# remount"
    mount -o remount,ro /mnt/t 2>&1 || true
    mount -i -o remount,ro /mnt/t
    shown
    umount /mnt/t`);
  assert.equal(said, {
    fake: [],
    remount: [
      'nanolin: only the kernel remounts a union, and only to ro or rw',
      '  hint: mount -i -o remount,ro TARGET',
      'fuse.nanolin web ro',
      'one',
      'two',
    ],
    left: [],
  });
});

test('what the program is called decides what its words mean', () => {
  const words = (path: string, ...given: string[]) => calledAs(path, given, ['layer'], () => true).words;
  assert.equal(words('/usr/bin/nanolin', 'layer', 'list'), ['layer', 'list']);
  assert.equal(words('/usr/bin/nanolin', 'layer', 'list', '-o', 'x'), ['layer', 'list', '-o', 'x']);
  const union = ['union', '--backend', 'fuse', '--quiet'];
  assert.equal(words('/usr/bin/nanolin', 'web', '/t', '-o', 'ro'), [...union, '-o', 'ro', 'web', '/t']);
  assert.equal(
    words('/sbin/mount.fuse.nanolin', 'layer', '/t', '-n', '-s', '-o', 'ro', '-t', 'fuse.nanolin'),
    [...union, '-o', 'ro', 'layer', '/t'],
  );
  assert.equal(words('/sbin/mount.fuse.nanolin', '', '/t', '-N', 'x'), [...union, '-N', 'x', 'none', '/t']);
  assert.equal(words('/bin/nanolin-union', '-o', 'lowerdir=a', '/t'), [
    ...['union', '--quiet', '--backend', 'fuse', '-o', 'lowerdir=a,whiteouts=oci', '/t'],
  ]);
  const inside = calledAs('nanolin-union', ['-o', 'lowerdir=a', '/t'], [], () => false);
  assert.is(inside.words?.at(-2), 'lowerdir=a,whiteouts=oci,userxattr');
  const codes = [0, 1, 2, 4, 8].map(calledAs('mount.fuse.nanolin', ['a', '/t'], [], () => true).exit);
  assert.equal(codes, [0, 32, 1, 32, 32]);
});

test('options of fuse-overlayfs and of fstab are understood, and others are refused', () => {
  const parsed = parseUnionOptions(
    'lowerdir=a\\:b:c,,user=me,x-any=1,fsync=0,whiteouts=oci,allow_other,noexec',
  );
  assert.equal(parsed, {
    lowers: ['a:b', 'c'],
    upper: null,
    readOnly: true,
    userxattr: false,
    oci: true,
    volatile: true,
    mount: ['allow_other', 'noexec'],
  });
  assert.is(parseUnionOptions('lowerdir=a,fsync=1').volatile, false);
  for (const option of [
    'fsync=2',
    'whiteouts=aufs',
    'uidmapping=0:1:2',
    'squash_to_root',
    'xattr_permissions=2',
  ])
    assert.throws(() => parseUnionOptions(`lowerdir=a,${option}`), /is not known/);
});

test.run();
