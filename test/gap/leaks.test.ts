// limit: 300s
// NANOLIN_LONG=1 makes as many switches over a union as over the kernel's overlay.
import { mkdirSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import type { OpenOptions } from '../../src/index.ts';
import { program } from '../contract/stack-contract.ts';
import { serversOf } from '../crash/servers.ts';
import { type Scene, setScene } from './scene.ts';
import { writeLayerTree } from './trees.ts';

const temporary = tmpdir();
const backends: readonly (readonly [OpenOptions, switches: number])[] = [
  [{ backend: 'kernel' }, 2000],
  [{ backend: 'fuse', program }, process.env.NANOLIN_LONG ? 2000 : 300],
];

for (const [options, switches] of backends)
  test(`${switches} switches leave mounts, loop devices, descriptors, threads and directories as they were: ${options.backend}`, async () => {
    process.env.TMPDIR = temporary;
    await using scene = await setScene('private');
    // Temporary files of this process are in a directory that nobody else writes to.
    process.env.TMPDIR = join(scene.directory, 'tmp');
    mkdirSync(process.env.TMPDIR);
    const nanolin = await scene.open(options);
    for (const [name, format] of [
      ['one', 'erofs'],
      ['two', 'erofs'],
      ['three', 'squashfs'],
    ] as const) {
      const tree = join(scene.directory, name);
      mkdirSync(tree);
      writeLayerTree(tree, name);
      await nanolin.layer.import(tree, { name, version: '1', format });
    }
    scene.profile('one', ['one']);
    scene.profile('two', ['one', 'two']);
    // SquashFS always goes through a loop device.
    scene.profile('three', ['one', 'three']);
    // What is loaded and opened once for good is there after a switch to each of them.
    for (const profile of ['two', 'three', 'one']) await nanolin.profile.switch(profile);

    const before = await resources(scene);
    for (let n = 0; n < switches; n += 2) {
      await nanolin.profile.switch(n % 10 === 0 ? 'three' : 'two');
      await nanolin.profile.switch('one');
    }
    let after = await resources(scene);
    // A union keeps directories open that were just used, for some seconds.
    for (let tries = 0; tries < 50 && !isDeepStrictEqual(before.served, after.served); tries++) {
      await sleep(200);
      after = await resources(scene);
    }
    for (const kind of Object.keys(before) as (keyof Resources)[])
      assert.equal(difference(before[kind], after[kind]), { gone: [], more: [] }, kind);
  });

interface Resources {
  readonly mounts: readonly string[];
  readonly loops: readonly string[];
  readonly descriptors: readonly string[];
  /** Of the processes that serve unions. */
  readonly served: readonly string[];
  readonly threads: readonly string[];
  readonly files: readonly string[];
}

async function resources(scene: Scene): Promise<Resources> {
  // The kernel frees a loop device and a super block a moment after their last user has gone.
  for (let tries = 0; tries < 100 && backingFiles(scene).length > 0; tries++)
    await new Promise(done => setTimeout(done, 20));
  return {
    mounts: readFileSync('/proc/self/mountinfo', 'utf8').trimEnd().split('\n').map(withoutIdentity),
    loops: backingFiles(scene),
    descriptors: descriptorsOf('self'),
    served: serversOf(scene.root)
      .flatMap(pid => descriptorsOf(String(pid)))
      .filter(link => link !== 'socket')
      .sort(),
    threads: readdirSync('/proc/self/task'),
    // What a generation was is meant to stay.
    files: readdirSync(scene.directory, { recursive: true, encoding: 'utf8' }).filter(
      file => !/\/generations\/\d+\.json$/.test(file),
    ),
  };
}

/** Counts what is there more than once, as several descriptors of one file are. */
function difference(before: readonly string[], after: readonly string[]): { gone: string[]; more: string[] } {
  const more = [...after];
  const gone = before.filter(one => {
    const found = more.indexOf(one);
    if (found >= 0) more.splice(found, 1);
    return found < 0;
  });
  return { gone, more };
}

/** A line of mountinfo less what differs with each mount: its id, the device, and the generation in the source and options. */
function withoutIdentity(line: string): string {
  const [, , , root, mountPoint, ...rest] = line.split(' ');
  return [root, mountPoint, ...rest]
    .join(' ')
    .replace(/nanolin-\d+-[0-9a-f]+/g, 'nanolin')
    .replace(/lowerdir\S*?,/g, '');
}

function backingFiles(scene: Scene): string[] {
  return readdirSync('/sys/block')
    .filter(name => name.startsWith('loop'))
    .map(name => {
      try {
        return readFileSync(`/sys/block/${name}/loop/backing_file`, 'utf8').trim();
      } catch {
        return '';
      }
    })
    .filter(file => file.startsWith(scene.directory));
}

const descriptorsOf = (pid: string): string[] =>
  readdirSync(`/proc/${pid}/fd`)
    .map(fd => withoutInode(linkOf(pid, fd)))
    .filter(link => link !== null);

function linkOf(pid: string, fd: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/fd/${fd}`);
  } catch {
    return null;
  }
}

/** Pipes and sockets by their kind; null for the directory that is being read. */
function withoutInode(link: string | null): string | null {
  return link === null || /^\/proc\/\d+\/fd$/.test(link) ? null : link.replace(/:\[\d+\]$/, '');
}

test.run();
