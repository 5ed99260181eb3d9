import { findProgram } from './programs.ts';

export type ImageReader = 'squashfuse' | 'erofsfuse';

/** squashfuse_ll works on inodes and in threads, squashfuse on paths, one after the other. */
const programs: Readonly<Record<ImageReader, readonly string[]>> = {
  squashfuse: ['squashfuse_ll', 'squashfuse'],
  erofsfuse: ['erofsfuse'],
};

/** What shows an image in user space, named as its Debian package; `path` is null where it is not installed. */
export function imageReader(format: 'erofs' | 'squashfs'): { reader: ImageReader; path: string | null } {
  const reader = format === 'erofs' ? 'erofsfuse' : 'squashfuse';
  const found = programs[reader].map(name => findProgram(name)).find(path => path !== null);
  return { reader, path: found ?? null };
}
