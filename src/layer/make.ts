import { createHash } from 'node:crypto';
import { parseStamp } from '../formats/index.ts';
import type { Context } from '../state/index.ts';
import { run } from './run.ts';
import type { ImageFormat } from './superblock.ts';

interface About {
  readonly name: string;
  readonly version: string;
  readonly stamp: string;
}

/**
 * Makes an image of a tree: the same tree and the same name, version and stamp give the same bytes, whatever directory or file
 * system it lies on (both programs sort names; `checkTar` brought the attributes into order).
 *
 * erofs is compressed with lz4hc in 16 KiB clusters. 143 MB of perl, python and git in 6,358 files: 68 MB instead of 135 MB
 * uncompressed (65 MB with 64 KiB clusters, which cost more for each random read), made in 2.7 s instead of 0.7 s, and read cold in
 * 0.4 s instead of 1.8 s, because less comes from the disk. squashfs takes zstd: 40 MB, 7.5 s, 0.4 s.
 */
export async function makeImage(
  ctx: Context,
  format: ImageFormat,
  tree: string,
  image: string,
  about: About,
): Promise<void> {
  const seconds = String((parseStamp(about.stamp)?.time.getTime() ?? 0) / 1000);
  ctx.progress({ task: programs[format], subject: about.name });
  await run(ctx, programs[format], commands[format](tree, image, seconds, uuid(about)));
}

const programs = { erofs: 'mkfs.erofs', squashfs: 'mksquashfs' } as const;

const commands: Record<ImageFormat, (tree: string, image: string, seconds: string, id: string) => string[]> =
  {
    erofs: (tree, image, seconds, id) => [
      '--quiet',
      '-zlz4hc',
      '-C16384',
      '-T',
      seconds,
      '-U',
      id,
      image,
      tree,
    ],
    squashfs: (tree, image, seconds) => [
      ...[tree, image, '-noappend', '-no-progress', '-quiet', '-no-recovery', '-comp', 'zstd'],
      ...['-all-time', seconds, '-mkfs-time', seconds, '-xattrs'],
    ],
  };

/** RFC 9562, version 8: the bits are ours to define. */
function uuid({ name, version, stamp }: About): string {
  const digest = createHash('sha256').update(`nanolin image\0${name}\0${version}\0${stamp}`).digest();
  digest.writeUInt8(((digest[6] ?? 0) & 0x0f) | 0x80, 6);
  digest.writeUInt8(((digest[8] ?? 0) & 0x3f) | 0x80, 8);
  return digest.toString('hex', 0, 16).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}
