#include "union.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
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
static struct job *running; /* slow ones that a request waits for; JavaScript's thread alone */

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
  if (job->request != NULL) {
    job->running = running;
    running = job;
  }
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
    for (struct job **at = &running; *at != NULL; at = &(*at)->running)
      if (*at == job) {
        *at = job->running;
        break;
      }
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
  bool interrupted;
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
  if (waiting == NULL) return reply_error(in, ENOMEM);
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

/*
 * Any signal is told, and only once. Who is not about to die is left to wait: hardly a program expects EINTR of chmod. A fatal signal is
 * pending as SIGKILL for every thread (complete_signal in kernel/signal.c).
 */
static bool is_dying(uint32_t thread) {
  char path[48], line[128];
  bool dying = false;
  snprintf(path, sizeof(path), "/proc/%u/status", thread);
  FILE *status = fopen(path, "re");
  if (status == NULL) return true;
  while (!dying && fgets(line, sizeof(line), status) != NULL)
    if (strncmp(line, "SigPnd:", 7) == 0 || strncmp(line, "ShdPnd:", 7) == 0)
      dying = (strtoull(line + 7, NULL, 16) & (1ULL << (SIGKILL - 1))) != 0;
  fclose(status);
  return dying;
}

static void answer_dying(void) {
  for (struct parked **at = &parked; *at != NULL;) {
    struct parked *one = *at;
    if (!one->interrupted || !is_dying(one->header.pid)) {
      at = &one->next;
      continue;
    }
    *at = one->next;
    reply_error(&one->header, EINTR);
    free(one);
  }
  for (struct job *job = running; job != NULL; job = job->running) {
    if (!job->interrupted || job->abandoned || !is_dying(job->request->pid)) continue;
    job->abandoned = true;
    reply_error(job->request, EINTR);
  }
}

void jobs_interrupt(uint64_t unique) {
  for (struct parked *one = parked; one != NULL; one = one->next)
    if (one->header.unique == unique) one->interrupted = true;
  for (struct job *job = running; job != NULL; job = job->running)
    if (job->request->unique == unique) job->interrupted = true;
  answer_dying();
}

/* answerDying(): requests whose caller got a signal before, and is being killed now. */
static napi_value js_answer_dying(napi_env env, napi_callback_info info) {
  (void)info;
  answer_dying();
  return out_int(env, 0);
}

void export_jobs(napi_env env, napi_value exports) {
  static const struct function table[] = {{"answerDying", js_answer_dying}};
  EXPORT(env, exports, table);
}
