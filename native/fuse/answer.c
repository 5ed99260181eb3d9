/* Data on descriptors that TypeScript's `open` returned as the handle, and what is the same for every union. */
#include "table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* Of the upper, or of the topmost lower where there is none: free space and the longest name are its own. */
static int space = -1;

void answer_space_of(int fd) {
  space = fd;
}

static void reply_init(const struct fuse_in_header *in, const struct fuse_init_in *init) {
  /*
   * POSIX_ACL makes the kernel check access with the ACLs that getxattr shows. DONT_MASK: a default ACL takes the umask's place.
   * HANDLE_KILLPRIV_V2: who writes is told to drop setuid bits, in place of asking for capabilities before each write.
   * Not WRITEBACK_CACHE: two names of one lower file, and an fsync of the upper, would see old bytes.
   */
  const uint32_t wanted = FUSE_ASYNC_READ | FUSE_ATOMIC_O_TRUNC | FUSE_BIG_WRITES | FUSE_DONT_MASK | FUSE_ASYNC_DIO |
                          FUSE_PARALLEL_DIROPS | FUSE_POSIX_ACL | FUSE_MAX_PAGES | FUSE_CACHE_SYMLINKS |
                          FUSE_HANDLE_KILLPRIV_V2 | FUSE_SETXATTR_EXT | FUSE_DO_READDIRPLUS | FUSE_READDIRPLUS_AUTO;
  struct fuse_init_out out = {.major = FUSE_KERNEL_VERSION,
                              .minor = FUSE_KERNEL_MINOR_VERSION,
                              .max_readahead = init->max_readahead,
                              .flags = init->flags & wanted,
                              .max_background = 64,
                              .congestion_threshold = 48,
                              .max_write = WRITE_MAX,
                              .time_gran = 1,
                              .max_pages = WRITE_MAX / 4096};
  if (init->major != FUSE_KERNEL_VERSION || (init->flags & FUSE_SETXATTR_EXT) == 0) return reply_error(in, EPROTO);
  reply_data(in, &out, sizeof(out));
}

/* To the end of the file or of the request: some file systems give less than that at a time. */
static void reply_read(const struct fuse_in_header *in, const struct fuse_read_in *read) {
  static _Thread_local char *buffer; /* as long as the thread */
  size_t size = read->size < WRITE_MAX ? read->size : WRITE_MAX, done = 0;
  if (buffer == NULL && (buffer = malloc(WRITE_MAX)) == NULL) return reply_error(in, ENOMEM);
  while (done < size) {
    ssize_t got = pread((int)read->fh, buffer + done, size - done, (off_t)(read->offset + done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && done == 0) return reply_error(in, errno);
    if (got <= 0) break;
    done += (size_t)got;
  }
  reply_data(in, buffer, done);
}

/* We hold CAP_FSETID, so that the file system leaves these bits to us (FUSE_HANDLE_KILLPRIV_V2 in <linux/fuse.h>). */
static int kill_privileges(int fd) {
  struct stat st;
  if (fstat(fd, &st) < 0) return -1;
  mode_t mode = st.st_mode & ~(mode_t)S_ISUID;
  if ((mode & S_IXGRP) != 0) mode &= ~(mode_t)S_ISGID;
  return mode != st.st_mode ? fchmod(fd, mode & 07777) : 0;
}

static void reply_write(const struct fuse_in_header *in, const struct fuse_write_in *write, const char *data, size_t size) {
  struct fuse_write_out out = {0};
  if (size < write->size) return reply_error(in, EINVAL);
  if ((write->write_flags & FUSE_WRITE_KILL_SUIDGID) != 0 && kill_privileges((int)write->fh) < 0)
    return reply_error(in, errno);
  while (out.size < write->size) {
    ssize_t put = pwrite((int)write->fh, data + out.size, write->size - out.size, (off_t)(write->offset + out.size));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && out.size == 0) return reply_error(in, errno);
    if (put <= 0) break;
    out.size += (uint32_t)put;
  }
  reply_data(in, &out, sizeof(out));
}

/* The kernel says nothing with these two; nobody but root has CAP_FSETID as a rule. */
static int kill_unless_root(const struct fuse_in_header *in, int fd) {
  return in->uid == 0 ? 0 : kill_privileges(fd);
}

static void reply_result(const struct fuse_in_header *in, int result) {
  reply_error(in, result < 0 ? errno : 0);
}

static void reply_fallocate(const struct fuse_in_header *in, const struct fuse_fallocate_in *wanted) {
  int fd = (int)wanted->fh;
  int result = kill_unless_root(in, fd);
  if (result == 0) result = fallocate(fd, (int)wanted->mode, (off_t)wanted->offset, (off_t)wanted->length);
  reply_result(in, result);
}

static void reply_copy(const struct fuse_in_header *in, const struct fuse_copy_file_range_in *copy) {
  off_t from = (off_t)copy->off_in, to = (off_t)copy->off_out;
  /* The reply's count has 32 bits. */
  size_t most = copy->len < (1U << 30) ? (size_t)copy->len : 1U << 30;
  if (kill_unless_root(in, (int)copy->fh_out) < 0) return reply_error(in, errno);
  ssize_t done = copy_file_range((int)copy->fh_in, &from, (int)copy->fh_out, &to, most, 0);
  struct fuse_write_out out = {.size = (uint32_t)done};
  if (done < 0) reply_error(in, errno);
  else reply_data(in, &out, sizeof(out));
}

static void reply_space(const struct fuse_in_header *in) {
  struct statvfs st;
  if (fstatvfs(space, &st) < 0) return reply_error(in, errno);
  struct fuse_statfs_out out = {.st = {.blocks = st.f_blocks,
                                       .bfree = st.f_bfree,
                                       .bavail = st.f_bavail,
                                       .files = st.f_files,
                                       .ffree = st.f_ffree,
                                       .bsize = (uint32_t)st.f_bsize,
                                       .namelen = (uint32_t)st.f_namemax,
                                       .frsize = (uint32_t)st.f_frsize}};
  reply_data(in, &out, sizeof(out));
}

/*
 * What only the lowers have may be kept: its list is the table's, so that who was served from the kernel's pages so far can be served from
 * here on. Of what changes, each open directory has the list that it began with.
 */
static void reply_opendir(const struct fuse_in_header *in) {
  struct listing *listing = listing_open();
  bool kept = entry_of(in->nodeid) != NONE;
  struct fuse_open_out out = {.fh = (uintptr_t)listing, .open_flags = kept ? FOPEN_CACHE_DIR | FOPEN_KEEP_CACHE : 0};
  if (listing == NULL) reply_error(in, ENOMEM);
  else reply_data(in, &out, sizeof(out));
}

bool moves_data(uint32_t opcode) {
  return opcode == FUSE_READ || opcode == FUSE_WRITE || opcode == FUSE_FSYNC || opcode == FUSE_FALLOCATE ||
         opcode == FUSE_COPY_FILE_RANGE;
}

/* What is read from memory and written to it, in pieces that take no longer than another request does. */
enum { AT_ONCE = 64 * 1024 };

bool answer_short_read(const struct fuse_in_header *in, const char *payload, size_t size) {
  static char buffer[2 * AT_ONCE]; /* one thread comes here */
  struct fuse_read_in read;
  if (in->opcode != FUSE_READ || size < sizeof(read)) return false;
  memcpy(&read, payload, sizeof(read));
  if (read.size > sizeof(buffer)) return false;
  ssize_t got = pread((int)read.fh, buffer, read.size, (off_t)read.offset);
  if (got < 0) reply_error(in, errno);
  else reply_data(in, buffer, (size_t)got);
  return true;
}

bool answer_at_once(const struct fuse_in_header *in, const char *payload, size_t size) {
  if (in->opcode == FUSE_WRITE && size <= AT_ONCE) return answer(in, payload, size);
  struct fuse_read_in read;
  if (in->opcode != FUSE_READ || size < sizeof(read)) return false;
  memcpy(&read, payload, sizeof(read));
  static char buffer[2 * AT_ONCE]; /* one thread comes here */
  struct iovec part = {buffer, read.size};
  if (read.size > sizeof(buffer)) return false;
  ssize_t got = preadv2((int)read.fh, &part, 1, (off_t)read.offset, RWF_NOWAIT);
  /* A short one is the end of the file, or of what is in memory: the worker finds out. */
  struct stat st;
  if (got < 0 || ((size_t)got < read.size &&
                  (fstat((int)read.fh, &st) < 0 || (off_t)(read.offset + (uint64_t)got) < st.st_size)))
    return false;
  reply_data(in, buffer, (size_t)got);
  return true;
}

/* The structure that starts the payload; what is shorter than it can only come from a broken kernel. */
#define TAKE(type, name) \
  struct type name; \
  if (size < sizeof(name)) return reply_error(in, EINVAL), true; \
  memcpy(&name, payload, sizeof(name))

bool answer(const struct fuse_in_header *in, const char *payload, size_t size) {
  switch (in->opcode) {
    case FUSE_INIT: {
      /* Shorter before Linux 5.15. */
      struct fuse_init_in init = {0};
      memcpy(&init, payload, size < sizeof(init) ? size : sizeof(init));
      reply_init(in, &init);
      return false; /* the mount is in use from now on */
    }
    case FUSE_READ: {
      TAKE(fuse_read_in, read);
      reply_read(in, &read);
      return true;
    }
    case FUSE_WRITE: {
      TAKE(fuse_write_in, write);
      reply_write(in, &write, payload + sizeof(write), size - sizeof(write));
      return true;
    }
    case FUSE_FSYNC: {
      TAKE(fuse_fsync_in, sync);
      int fd = (int)sync.fh;
      reply_result(in, (sync.fsync_flags & FUSE_FSYNC_FDATASYNC) != 0 ? fdatasync(fd) : fsync(fd));
      return true;
    }
    case FUSE_FALLOCATE: {
      TAKE(fuse_fallocate_in, wanted);
      reply_fallocate(in, &wanted);
      return true;
    }
    case FUSE_COPY_FILE_RANGE: {
      TAKE(fuse_copy_file_range_in, copy);
      reply_copy(in, &copy);
      return true;
    }
    case FUSE_STATFS: reply_space(in); return true;
    case FUSE_OPENDIR: reply_opendir(in); return true;
    case FUSE_READDIR:
    case FUSE_READDIRPLUS: {
      TAKE(fuse_read_in, read);
      /* From the start, also after rewinddir, the directory is read anew. */
      if (read.offset == 0) return false;
      listing_go_on(&read, in->nodeid);
      listing_reply(in, &read);
      return true;
    }
    case FUSE_RELEASEDIR: {
      TAKE(fuse_release_in, release);
      listing_close((struct listing *)(uintptr_t)release.fh);
      reply_error(in, 0);
      return true;
    }
    case FUSE_DESTROY: reply_error(in, 0); return true;
    case FUSE_INTERRUPT: {
      TAKE(fuse_interrupt_in, interrupt);
      jobs_interrupt(interrupt.unique);
      return true;
    }
    case FUSE_LOOKUP:
    case FUSE_FORGET:
    case FUSE_GETATTR:
    case FUSE_SETATTR:
    case FUSE_READLINK:
    case FUSE_SYMLINK:
    case FUSE_MKNOD:
    case FUSE_MKDIR:
    case FUSE_UNLINK:
    case FUSE_RMDIR:
    case FUSE_RENAME:
    case FUSE_RENAME2:
    case FUSE_LINK:
    case FUSE_OPEN:
    case FUSE_CREATE:
    case FUSE_TMPFILE:
    case FUSE_RELEASE:
    case FUSE_FSYNCDIR:
    case FUSE_LSEEK:
    case FUSE_SETXATTR:
    case FUSE_GETXATTR:
    case FUSE_LISTXATTR:
    case FUSE_REMOVEXATTR: return false;
    /* Locks too: the kernel then keeps them on its inode, which is the same before and after a copy-up. */
    default: reply_error(in, ENOSYS); return true;
  }
}
