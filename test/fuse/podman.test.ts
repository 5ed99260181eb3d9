// limit: 180s
/**
 * Debian's podman with our program as its mount_program: an image is built from nothing, run, committed and removed, by root and by an ordinary
 * user. It needs no network; all of it happens in namespaces that end with it.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { needs } from '../needs.ts';
import { inNamespaces, onPath, ordinaryUser, whatIsLeft } from './namespaces.ts';
import { idle, makeUnion, names, noUnion, run, text } from './union.ts';

const test = suite('union: podman');
const missing = ['podman', 'busybox', 'newuidmap'].find(program => !onPath(program));
const it = needs(test, noUnion ?? missing ?? null);

const containerfile = `
FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "sh", "-c", "/bin/busybox --install -s /bin; cd /; echo one > one; mkdir d e; touch d/x d/y e/z; chown 5:6 d"]
RUN rm /one /d/x && rm -r /e && mkdir /e && echo new > /e/new
CMD ["sh", "-c", "ls -A / /d /e"]
`;

/** `$1` is who runs podman. */
const stage = `
mount -t tmpfs none /tmp
export TMPDIR=/tmp
# crun refuses version 1 and 2 of cgroups side by side.
if [ -d /sys/fs/cgroup/unified ]; then mount -t tmpfs none /sys/fs/cgroup/unified; fi
${ordinaryUser}
echo tester:200000:65536 > /mnt/subid
for file in /etc/subuid /etc/subgid; do mount --bind /mnt/subid $file; done
ln -s /mnt/nanolin/dist/nanolin.js /mnt/nanolin-union
mkdir -p /mnt/home /mnt/run
chown 4321:4321 /mnt/home /mnt/run
chmod 700 /mnt/run
export HOME=/mnt/home XDG_RUNTIME_DIR=/mnt/run
case $1 in
root) sh -eu /mnt/body ;;
user) as_user sh -eu /mnt/body ;;
esac
echo "# left"
${whatIsLeft}
find /mnt/home/store/overlay -mindepth 1 -maxdepth 1 -type d -name '????????????????????????????????????????????????????????????????'
`;

const body = `
cd
# crun takes rlimits that it may not raise for a fault; a machine may have no CAP_SYS_RESOURCE.
podman() {
  command podman --root /mnt/home/store --runroot /mnt/run/store --tmpdir /mnt/run/tmp --storage-driver overlay \\
    --storage-opt overlay.mount_program=/mnt/nanolin-union --cgroup-manager cgroupfs --events-backend none "$@"
}
run() { podman run --network none --cgroups disabled --ulimit nofile=1024:1024 --ulimit nproc=1024:1024 "$@"; }
podman build -q --isolation chroot -t localhost/small /mnt/context > /dev/null
echo "# image"
run --rm localhost/small
echo "# owner"
run --rm localhost/small stat -c '%n %u:%g' /e /d
echo "# container"
run --name made localhost/small sh -c 'rm /d/y; echo 3 > /three; chown 7:8 /e; ls -A / /d; cut -d " " -f 1-3 /proc/mounts | head -1'
echo "# diff"
podman diff made | sort
podman commit -q made localhost/more > /dev/null
echo "# committed"
run --rm localhost/more sh -c 'ls -A / /d /e; stat -c "%n %u:%g" /e'
podman rm made > /dev/null
podman image rm -a -f > /dev/null
echo "# images"
podman image ls -a -q
`;

for (const who of ['root', 'user'] as const)
  it(`builds, runs, commits and removes an image [${who}]`, () => {
    const scratch = mkdtempSync(join(tmpdir(), 'nanolin-podman-'));
    try {
      mkdirSync(join(scratch, 'context'));
      writeFileSync(join(scratch, 'context/Containerfile'), containerfile);
      execFileSync('cp', [onPath('busybox') ?? '', join(scratch, 'context/busybox')]);
      writeFileSync(join(scratch, 'body'), body);
      const said = inNamespaces(scratch, stage, who);
      const root = ['bin', 'd', 'dev', 'e', 'etc', 'proc', 'run', 'sys'];
      assert.equal(said, {
        image: ['/:', ...root, '', '/d:', 'y', '', '/e:', 'new'],
        owner: ['/e 0:0', '/d 5:6'],
        container: ['/:', ...root, 'three', '', '/d:', 'nanolin / fuse.nanolin'],
        diff: ['A /three', 'C /d', 'C /e', 'C /etc', 'D /d/y'],
        committed: ['/:', ...root, 'three', '', '/d:', '', '/e:', 'new', '/e 7:8'],
        images: [],
        left: [],
      });
    } finally {
      rmSync(scratch, { recursive: true, force: true });
    }
  });

it('OCI’s marks in the lowers are honoured where they are declared, and ordinary names elsewhere', async () => {
  const lowers = [
    {
      'd/.wh.gone': '',
      'd/.wh.again': '',
      'd/again': 'top',
      'e/.wh..wh..opq': '',
      'e/new': 'new',
      '.wh.f': '',
    },
    { 'd/gone/deep': 'x', 'd/again': 'below', 'd/stays': '', 'e/old': 'old', f: 'f', g: 'g' },
  ];
  await using union = await makeUnion('fuse', lowers);
  assert.equal(names(union.at('d')), ['.wh.again', '.wh.gone', 'again', 'gone', 'stays']);
  await union.unmount();
  const layers = `lowerdir=${union.lowers.join(':')},upperdir=${union.upper},workdir=${union.work}`;
  await union.mount(`${layers},whiteouts=oci`);
  assert.equal(
    ['.', 'd', 'e'].map(name => names(union.at(name))),
    [['d', 'e', 'g'], ['again', 'stays'], ['new']],
  );
  assert.equal(
    ['f', 'd/gone', 'd/gone/deep', 'd/.wh.gone', 'd/again', 'e/old', 'e/.wh..wh..opq', '.wh.f'].map(name =>
      text(union.at(name)),
    ),
    ['ENOENT', 'ENOENT', 'ENOENT', 'ENOENT', 'top', 'ENOENT', 'ENOENT', 'ENOENT'],
  );
  // In the upper the union leaves the kernel's marks, and takes no others for one.
  rmSync(union.at('g'));
  writeFileSync(union.at('d/.wh.stays'), 'plain');
  assert.equal(
    [names(union.merged), names(union.at('d'))],
    [
      ['d', 'e'],
      ['.wh.stays', 'again', 'stays'],
    ],
  );
  await union.unmount();
  assert.match(run('--backend', 'kernel', '-o', `${layers},whiteouts=oci`, union.merged), /^8: .*OCI/);
  assert.match(run('--backend', 'fuse', '-o', `${layers},whiteouts=red`, union.merged), /^2: .*not known/);
  await idle(union.scratch);
});

test.run();
