import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** What programs look for in /etc, copied from the base: nothing that says who the machine is, and no secret. */
const copied = [
  ...[
    'alternatives',
    'ld.so.cache',
    'ld.so.conf',
    'ld.so.conf.d',
    'debian_version',
    'perl',
    'ssl/openssl.cnf',
  ],
  ...['mime.types', 'login.defs', 'java-17-openjdk'],
];

/** Directories, and places for what the sandbox mounts. */
const directories = [
  ...[
    'build',
    'dev',
    'etc',
    'home',
    'mnt',
    'nanolin',
    'opt',
    'proc',
    'root',
    'run',
    'srv',
    'sys',
    'tmp',
    'usr',
    'var',
  ],
  ...['var/cache', 'var/lib', 'var/log', 'var/spool', 'var/tmp'],
];

/** Debian's fixed numbers (base-passwd), so that a build finds the same users whoever the machine's are. */
const passwd = `root:x:0:0:root:/build:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bin:x:2:2:bin:/bin:/usr/sbin/nologin
sys:x:3:3:sys:/dev:/usr/sbin/nologin
games:x:5:60:games:/usr/games:/usr/sbin/nologin
man:x:6:12:man:/var/cache/man:/usr/sbin/nologin
mail:x:8:8:mail:/var/mail:/usr/sbin/nologin
www-data:x:33:33:www-data:/var/www:/usr/sbin/nologin
nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin
`;
const group = `root:x:0:
daemon:x:1:
bin:x:2:
sys:x:3:
adm:x:4:
tty:x:5:
disk:x:6:
mail:x:8:
man:x:12:
www-data:x:33:
shadow:x:42:
utmp:x:43:
staff:x:50:
games:x:60:
users:x:100:
nogroup:x:65534:
`;

/** Makes the lower that stands for the whole base but /usr: links into it, a small /etc, and empty directories. */
export function makeSkeleton(place: string): void {
  for (const directory of directories) makeDirectory(join(place, directory), 0o755);
  // A system that is not merged has directories here, and no place in the sandbox's /usr for what they hold.
  for (const name of readdirSync('/'))
    if (lstatSync(join('/', name)).isSymbolicLink() && readlinkSync(join('/', name)).startsWith('usr/'))
      symlinkSync(readlinkSync(join('/', name)), join(place, name));
  makeDirectory(join(place, 'etc/ssl'), 0o755);
  for (const name of copied) copy(join('/etc', name), join(place, 'etc', name));
  for (const name of readdirSync('/etc').filter(name => /^python3(\.\d+)?$/.test(name)))
    copy(join('/etc', name), join(place, 'etc', name));
  write(join(place, 'etc/passwd'), passwd);
  write(join(place, 'etc/group'), group);
  write(join(place, 'etc/hosts'), '127.0.0.1 localhost nanolin\n::1 localhost\n');
  write(join(place, 'etc/nsswitch.conf'), 'passwd: files\ngroup: files\nhosts: files\n');
}

/** The umask of whoever builds is no part of the build. The parent has to be there: it would get that umask's mode. */
export function makeDirectory(path: string, mode: number): void {
  mkdirSync(path);
  chmodSync(path, mode);
}

function copy(from: string, to: string): void {
  if (!existsSync(from)) return;
  cpSync(from, to, { recursive: true, verbatimSymlinks: true });
}

function write(path: string, text: string): void {
  writeFileSync(path, text);
  chmodSync(path, 0o644);
}
