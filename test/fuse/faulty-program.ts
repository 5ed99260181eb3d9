/**
 * A read-only mirror of a directory through fuse-native, as a layer that fails: of a file whose name has `broken` in it nothing can be read
 * from 64 KiB on, and of a directory no entry. Says `ready`, and serves until it is killed.
 *
 *     faulty-program.ts DIRECTORY TARGET
 */
import { closeSync, lstat, openSync, read, readdir, readlink } from 'node:fs';
import { createRequire } from 'node:module';

type Done<T> = (code: number, result?: T) => void;

const [directory = '', target = ''] = process.argv.slice(2);
const Fuse = createRequire(import.meta.url)('fuse-native');
const GOOD_BYTES = 64 * 1024;
const EIO = -5;

const broken = (path: string): boolean => path.includes('broken');
const at = (path: string): string => directory + path;
const answer =
  <T>(done: Done<T>) =>
  (error: NodeJS.ErrnoException | null, result?: T): void =>
    error ? done(error.errno ?? EIO) : done(0, result);

const operations = {
  getattr: (path: string, done: Done<unknown>) => lstat(at(path), answer(done)),
  readlink: (path: string, done: Done<string>) => readlink(at(path), answer(done)),
  readdir: (path: string, done: Done<string[]>) =>
    broken(path) ? done(EIO) : readdir(at(path), answer(done)),
  open(path: string, _flags: number, done: Done<number>) {
    done(0, openSync(at(path), 'r'));
  },
  release(_path: string, fd: number, done: Done<void>) {
    closeSync(fd);
    done(0);
  },
  // Its result is the number of bytes, or what failed.
  read(
    path: string,
    fd: number,
    buffer: Buffer,
    size: number,
    offset: number,
    done: (result: number) => void,
  ) {
    if (broken(path) && offset + size > GOOD_BYTES) done(EIO);
    else read(fd, buffer, 0, size, offset, (error, count) => done(error ? EIO : count));
  },
};

new Fuse(target, operations, { force: true, allowOther: true }).mount((error: Error | null) => {
  if (error) throw error;
  console.log('ready');
});
