/*
 * fuse-native mounts and runs `fuse_loop_mt` in a thread of its own. This addon is loaded before it and globally, so that the name is
 * found here: the loop below takes the place of libfuse's. libfuse 2 turns requests into paths before anybody sees them, and with
 * that it loses what a union needs: one inode behind several names, files without a name, rename's flags, times in nanoseconds,
 * cache times of one file, the protocol after 2013.
 *
 * JavaScript's thread reads the requests itself, when its loop says that there are some: one switch of threads between the caller and its
 * answer. What may wait for a disk goes on to the workers.
 */
#include "table.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

enum {
  /* Requests in one turn of the loop: signals and timers have theirs as well. */
  TURN = 64,
  /* Buffers of a megabyte that wait to be used again. */
  SPARE = 8
};

static int device = -1;
static uv_poll_t readable;
static sem_t gone;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct request *spare; /* chained by `job.next` */
static int spares;

int session_device(void) {
  return device;
}

void reply_parts(const struct fuse_in_header *in, struct iovec *parts, int count) {
  struct fuse_out_header out = {.len = sizeof(out), .unique = in->unique};
  parts[0] = (struct iovec){&out, sizeof(out)};
  for (int i = 1; i < count; i++) out.len += (uint32_t)parts[i].iov_len;
  /* ENOENT: the caller was interrupted and is gone; ENODEV: so is the mount. */
  while (writev(device, parts, count) < 0 && errno == EINTR) {}
}

void reply_data(const struct fuse_in_header *in, const void *bytes, size_t size) {
  struct iovec parts[2] = {[1] = {(void *)bytes, size}};
  reply_parts(in, parts, size > 0 ? 2 : 1);
}

void reply_error(const struct fuse_in_header *in, int error) {
  struct fuse_out_header out = {.len = sizeof(out), .error = -error, .unique = in->unique};
  while (write(device, &out, sizeof(out)) < 0 && errno == EINTR) {}
}

static struct request *new_request(void) {
  pthread_mutex_lock(&lock);
  struct request *request = spare;
  if (request != NULL) {
    spare = (struct request *)request->job.next;
    spares--;
  }
  pthread_mutex_unlock(&lock);
  return request != NULL ? request : malloc(sizeof(*request));
}

static void free_request(struct request *request) {
  pthread_mutex_lock(&lock);
  bool keep = spares < SPARE;
  if (keep) {
    request->job.next = &spare->job;
    spare = request;
    spares++;
  }
  pthread_mutex_unlock(&lock);
  if (!keep) free(request);
}

static void run_data(struct job *job) {
  struct request *request = (struct request *)job;
  answer(&request->header, request->payload, request->size);
  if (job->finish == NULL) free_request(request);
}

static void finish_data(struct job *job) {
  free_request((struct request *)job);
}

/* The next request, NULL when there is none now; `ended` when there will be none any more. */
static struct request *read_request(bool *ended) {
  struct request *request = new_request();
  ssize_t length = -1;
  while (request != NULL) {
    const struct iovec parts[2] = {{&request->header, sizeof(request->header)},
                                   {request->payload, sizeof(request->payload) - 1}};
    length = readv(device, parts, 2);
    /* ENOENT: the request was taken back before it was read. */
    if (length >= (ssize_t)sizeof(request->header) || (errno != EINTR && errno != ENOENT)) break;
  }
  if (length >= (ssize_t)sizeof(request->header)) {
    request->size = (size_t)length - sizeof(request->header);
    request->payload[request->size] = 0;
    return request;
  }
  if (request != NULL) {
    *ended = errno != EAGAIN;
    free_request(request);
  }
  return NULL;
}

void session_take(const struct fuse_in_header *in, const char *payload, size_t size) {
  if (!lower_answer(in, payload, size) && !live_answer(in, payload, size) && !answer(in, payload, size))
    decide(in, payload, size);
}

static void stop(void) {
  uv_poll_stop(&readable);
  jobs_end();
  sem_post(&gone);
  decide_end();
}

/* Is nobody else waiting? */
static bool alone(void) {
  struct pollfd fd = {.fd = device, .events = POLLIN};
  return poll(&fd, 1, 0) == 0;
}

/* False when a worker does it, who has the request from then on. */
static bool serve(struct request *request) {
  const struct fuse_in_header *in = &request->header;
  if (!moves_data(in->opcode)) return session_take(in, request->payload, request->size), true;
  bool slow = lower_is_slow(in, request->payload, request->size);
  if (!slow) {
    /* With nobody else waiting a worker would only be a change of threads more. */
    if (alone() && answer_short_read(in, request->payload, request->size)) return true;
    if (answer_at_once(in, request->payload, request->size)) return true;
  }
  request->job = (struct job){.run = run_data, .slow = slow};
  if (slow) {
    request->job.finish = finish_data;
    request->job.request = in;
  }
  job_start(&request->job);
  return false;
}

static void on_requests(uv_poll_t *handle, int status, int events) {
  (void)handle;
  (void)status;
  (void)events;
  bool ended = false;
  parts_close_some();
  for (int turn = 0; turn < TURN && !ended; turn++) {
    struct request *request = read_request(&ended);
    if (request == NULL) break;
    if (serve(request)) free_request(request);
  }
  if (ended) stop();
}

/* On JavaScript's thread. */
void session_poll(struct uv_loop_s *loop) {
  if (!jobs_begin(loop) || uv_poll_init(loop, &readable, device) != 0 || uv_poll_start(&readable, UV_READABLE, on_requests) != 0) stop();
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
  device = device_of(fuse);
  if (device < 0 || fcntl(device, F_SETFL, O_RDWR | O_NONBLOCK) < 0) return -1;
  sem_init(&gone, 0, 0);
  decide_begin();
  while (sem_wait(&gone) < 0) {}
  return 0;
}
