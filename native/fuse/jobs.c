#include "union.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

enum {
  /* Reads and writes that wait for a disk, and copies. */
  QUICK = 4,
  /* One for each request that a layer leaves without an answer, so that the next one still gets its own. */
  SLOW = 64,
  STACK = 256 * 1024
};

struct queue {
  struct job *first, **last;
  int threads, idle, queued, most;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t more = PTHREAD_COND_INITIALIZER;
static struct queue queues[2] = {{.last = &queues[0].first, .most = QUICK}, {.last = &queues[1].first, .most = SLOW}};
static struct job *done, **done_last = &done;
static uv_async_t finished;

static void *work(void *argument) {
  struct queue *queue = argument;
  pthread_mutex_lock(&lock);
  for (;;) {
    while (queue->first == NULL) {
      queue->idle++;
      pthread_cond_wait(&more, &lock);
      queue->idle--;
    }
    struct job *job = queue->first;
    queue->first = job->next;
    if (queue->first == NULL) queue->last = &queue->first;
    queue->queued--;
    pthread_mutex_unlock(&lock);
    bool goes_on = job->finish != NULL; /* `run` frees what does not */
    job->run(job);
    pthread_mutex_lock(&lock);
    if (!goes_on) continue;
    job->next = NULL;
    *done_last = job;
    done_last = &job->next;
    uv_async_send(&finished);
  }
  return NULL;
}

void job_start(struct job *job) {
  struct queue *queue = &queues[job->slow];
  pthread_mutex_lock(&lock);
  job->next = NULL;
  *queue->last = job;
  queue->last = &job->next;
  queue->queued++;
  if (queue->idle > 0) pthread_cond_broadcast(&more);
  /* None may wait for a thread that hangs. */
  if (queue->queued > queue->idle && queue->threads < queue->most) {
    pthread_t thread;
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK);
    if (pthread_create(&thread, &attributes, work, queue) == 0) queue->threads++;
    pthread_attr_destroy(&attributes);
  }
  pthread_mutex_unlock(&lock);
}

static void on_finished(uv_async_t *handle) {
  (void)handle;
  pthread_mutex_lock(&lock);
  struct job *job = done;
  done = NULL;
  done_last = &done;
  pthread_mutex_unlock(&lock);
  while (job != NULL) {
    struct job *next = job->next;
    job->finish(job);
    job = next;
  }
}

bool jobs_begin(struct uv_loop_s *loop) {
  return uv_async_init(loop, &finished, on_finished) == 0;
}

/* Threads that wait for a layer are not waited for: the process ends without them. */
void jobs_end(void) {
  uv_close((uv_handle_t *)&finished, NULL);
}

/* JavaScript's thread alone. */
struct parked {
  struct parked *next;
  uint32_t task;
  size_t size;
  struct fuse_in_header header;
  char payload[];
};
static struct parked *parked;
static uint32_t last_task;

uint32_t task_new(void) {
  return ++last_task;
}

void task_wait(uint32_t task, const struct fuse_in_header *in, const char *payload, size_t size) {
  struct parked *waiting = malloc(sizeof(*waiting) + size + 1);
  if (waiting == NULL) return reply_error(in, 12 /* ENOMEM */);
  *waiting = (struct parked){.next = parked, .task = task, .size = size, .header = *in};
  memcpy(waiting->payload, payload, size);
  waiting->payload[size] = 0;
  parked = waiting;
}

void task_done(uint32_t task) {
  /* What they do may park them again. */
  struct parked *ready = NULL;
  for (struct parked **at = &parked; *at != NULL;) {
    struct parked *one = *at;
    if (one->task != task) {
      at = &one->next;
      continue;
    }
    *at = one->next;
    one->next = ready;
    ready = one;
  }
  while (ready != NULL) {
    struct parked *next = ready->next;
    session_take(&ready->header, ready->payload, ready->size);
    free(ready);
    ready = next;
  }
}
