/*
 * fuse-native mounts and runs `fuse_loop_mt` in a thread of its own. This addon is loaded before it and globally, so that the name is
 * found here: the loop below takes the place of libfuse's. libfuse 2 turns requests into paths before anybody sees them, and with
 * that it loses what a union needs: one inode behind several names, files without a name, rename's flags, times in nanoseconds,
 * cache times of one file, the protocol after 2013.
 */
#include "union.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Reads and writes of so many files at once wait for disks; all else is short, or waits for JavaScript without a thread. */
enum { WORKERS = 4 };

static int device = -1;


void reply_parts(const struct fuse_in_header *in, struct iovec *parts, int count) {
  struct fuse_out_header out = {.len = sizeof(out), .unique = in->unique};
  parts[0] = (struct iovec){&out, sizeof(out)};
  for (int i = 1; i < count; i++) out.len += (uint32_t)parts[i].iov_len;
  /* ENOENT: the caller was interrupted and is gone; ENODEV: so is the mount. */
  while (writev(device, parts, count) < 0 && errno == EINTR) {}
}

void reply_data(const struct fuse_in_header *in, const void *data, size_t size) {
  struct iovec parts[2] = {[1] = {(void *)data, size}};
  reply_parts(in, parts, size > 0 ? 2 : 1);
}

void reply_error(const struct fuse_in_header *in, int error) {
  struct fuse_out_header out = {.len = sizeof(out), .error = -error, .unique = in->unique};
  while (write(device, &out, sizeof(out)) < 0 && errno == EINTR) {}
}

static void *work(void *unused) {
  char *buffer = malloc(WRITE_MAX + HEADER_ROOM);
  while (buffer != NULL) {
    ssize_t length = read(device, buffer, WRITE_MAX + HEADER_ROOM);
    /* ENOENT: the request was taken back before it was read. */
    if (length < 0 && (errno == EINTR || errno == EAGAIN || errno == ENOENT)) continue;
    if (length < (ssize_t)sizeof(struct fuse_in_header)) break;
    struct fuse_in_header in;
    memcpy(&in, buffer, sizeof(in));
    const char *payload = buffer + sizeof(in);
    size_t size = (size_t)length - sizeof(in);
    if (!answer(&in, payload, size) && !decide_later(&in, payload, size)) reply_error(&in, ENOMEM);
  }
  free(buffer);
  return unused;
}

/* The descriptor of the mount, by public functions of the libfuse that fuse-native has loaded. */
static int device_of(void *fuse) {
  void *lib = dlopen("libfuse.so.2", RTLD_LAZY | RTLD_NOLOAD);
  if (lib == NULL) return -1;
  void *(*session_of)(void *) = (void *(*)(void *))dlsym(lib, "fuse_get_session");
  void *(*channel_of)(void *, void *) = (void *(*)(void *, void *))dlsym(lib, "fuse_session_next_chan");
  int (*fd_of)(void *) = (int (*)(void *))dlsym(lib, "fuse_chan_fd");
  dlclose(lib);
  return session_of != NULL && channel_of != NULL && fd_of != NULL ? fd_of(channel_of(session_of(fuse), NULL)) : -1;
}

__attribute__((visibility("default"))) int fuse_loop_mt(void *fuse);

int fuse_loop_mt(void *fuse) {
  pthread_t workers[WORKERS - 1];
  int started = 0;
  device = device_of(fuse);
  if (device >= 0) {
    while (started < WORKERS - 1 && pthread_create(&workers[started], NULL, work, NULL) == 0) started++;
    work(NULL);
  }
  while (started > 0) pthread_join(workers[--started], NULL);
  decide_end();
  return 0;
}
